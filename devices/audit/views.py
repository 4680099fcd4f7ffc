"""The audit log's page, and the same as a table for other programs."""

import csv
import io
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.rights import owners_only, require_owner
from photohub.lib.database.cursors import page_of, rows_after
from photohub.lib.http.answer import refuse
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.pages.instants import BadFilter, text_of
from photohub.lib.pages.timezones import timezone_of

from .finding import Wanted, find, read_wanted
from .models import AuditEntry, Kind, Word

_ON_A_PAGE = 50
_READ_AT_ONCE = 500
_FILTERS = ("person", "word", "object", "from", "to")
_COLUMNS = ("time", "person", "via", "address", "word", "kind", "object_id", "object_name", "details")
# With these a table program takes a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@never_cache
@owners_only
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """List what people did, newest first; `person`, `word`, `object`, `from` and `to` narrow it."""
    problem, wanted = "", Wanted()
    try:
        wanted = read_wanted(request.GET, timezone_of(request))
    except BadFilter as error:
        problem = str(error)
    try:
        rows, following = page_of(find(wanted), "at", request.GET.get("cursor", ""), _ON_A_PAGE)
    except ApiError as error:
        raise Http404 from error
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "rows": [] if problem else rows,
        "problem": problem,
        "next": "" if problem else following,
        "wish": {name: text_of(request.GET, name) for name in _FILTERS},
        "filtered": bool(wanted or problem),
        "words": Word.choices,
        "kinds": dict(Kind.choices),
        "people": get_user_model().objects.order_by("username").values_list("username", flat=True),
        "query": query.urlencode(),
    }
    return render(request, "devices/audit/audit.html", context, status=422 if problem else 200)


@never_cache
@login_required
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Answer with the whole log, or what the filters leave of it, as CSV; times in UTC."""
    require_owner(request)
    try:
        wanted = read_wanted(request.GET, timezone_of(request))
    except BadFilter as error:
        return refuse(422, "invalid", str(error))
    response = StreamingHttpResponse(_lines(wanted), content_type="text/csv; charset=utf-8")
    name = f"photohub-audit-{timezone.now():%Y%m%d-%H%M%S}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _lines(wanted: Wanted) -> AsyncIterator[str]:
    # Table programs know by it that the text is UTF-8.
    yield "\ufeff" + _as_csv([_COLUMNS])
    language, place = translation.get_language(), None
    while True:
        text, place = await sync_to_async(_read_some)(wanted, place, language)
        yield text
        if place is None:
            return


def _read_some(wanted: Wanted, place: tuple | None, language: str) -> tuple[str, tuple | None]:
    rows, last = rows_after(find(wanted), "at", place, _READ_AT_ONCE)
    with translation.override(language):
        return _as_csv(_cells(row) for row in rows), (last.at, last.pk) if last else None


def _as_csv(lines) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()


def _cells(row: AuditEntry) -> Iterator[str]:
    cells = (
        row.person_name,
        row.via,
        row.address,
        row.word,
        row.kind,
        row.object_id,
        row.object_name,
        row.text,
    )
    yield row.at.isoformat(timespec="seconds")
    for cell in cells:
        yield f"'{cell}" if cell.startswith(_FORMULA) else cell
