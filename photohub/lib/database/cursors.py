"""Long lists, page by page: a cursor names the last row that was given out."""

from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from photohub.lib.http.refusals.api_error import ApiError


def page_of(rows: QuerySet, column: str, cursor: str, limit: int) -> tuple[list[Any], str | None]:
    """Return one page, newest first by `column` and key, and the cursor of the next. Raises ApiError."""
    items, last = rows_after(rows, column, _read_cursor(cursor, rows) if cursor else None, limit)
    return items, last and _write_cursor(getattr(last, column), last.pk, rows)


def rows_after(rows: QuerySet, column: str, place: tuple | None, limit: int) -> tuple[list[Any], Any | None]:
    """Return up to `limit` rows after a place, newest first by `column` and key, and the last one if more follow."""
    rows = rows.order_by(f"-{column}", "-pk")
    if place:
        at, key = place
        # The last condition alone bounds the index; the others settle rows of the same microsecond.
        rows = rows.filter(Q(**{f"{column}__lt": at}) | Q(pk__lt=key), **{f"{column}__lte": at})
    items = list(rows[: limit + 1])
    return items[:limit], items[limit - 1] if len(items) > limit else None


def _write_cursor(at: datetime, key: object, rows: QuerySet) -> str:
    return signing.Signer(salt=rows.model._meta.label).sign_object([at.isoformat(), str(key)])


def _read_cursor(cursor: str, rows: QuerySet) -> tuple[datetime, str]:
    # Signed, so that what comes back is what was given out: no key of another list, no number out of range.
    try:
        at, key = signing.Signer(salt=rows.model._meta.label).unsign_object(cursor)
        return datetime.fromisoformat(at), key
    except (signing.BadSignature, ValueError):
        raise bad_cursor() from None


def bad_cursor() -> ApiError:
    """Return the refusal of a cursor that was not given out by this list."""
    sentence = _("This cursor is not one of this list. Start again without it.")
    return ApiError(422, "invalid", sentence, {"cursor": sentence})
