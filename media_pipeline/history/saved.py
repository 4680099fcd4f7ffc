"""Filters that a person saves under a name, for himself alone: add, rename, delete."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from media_pipeline.captures.filters import Filters
from media_pipeline.captures.finding import way_back
from photohub.lib.pages.instants import BadFilter

from .models import SavedFilter

NAME_AT_MOST = 60
SAVED_AT_MOST = 50
_FIELDS = ("device", "group", "from", "to", "state", "flag", "fault", "tag", "q", "asked", "kept")


def filters_in(query: QueryDict) -> str:
    """Return the filters of an address, without its place and without what is empty."""
    kept = QueryDict(mutable=True)
    for name in _FIELDS:
        if values := [value for value in query.getlist(name) if value]:
            kept.setlist(name, values)
    return kept.urlencode()


@login_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Save the filters of an address; a name that is taken gets the new ones."""
    name = _name_in(request)
    query = QueryDict(request.POST.get("query", "")[:4000])
    text = filters_in(query)
    if not name:
        messages.warning(request, _("Enter a name for these filters."))
    elif not text or len(text) > 1000 or not _is_readable(query):
        messages.warning(request, _("There are no filters to save."))
    elif SavedFilter.objects.filter(user=request.user).exclude(name=name).count() >= SAVED_AT_MOST:
        messages.warning(
            request, _("You have saved %(count)s filters. Delete one first.") % {"count": SAVED_AT_MOST}
        )
    else:
        SavedFilter.objects.update_or_create(user=request.user, name=name, defaults={"query": text})
        messages.success(request, _("Saved as “%(name)s”.") % {"name": name})
    return redirect(way_back(request))


@login_required
@require_POST
def rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Give saved filters another name."""
    saved, name = _own(request, pk), _name_in(request)
    taken = SavedFilter.objects.filter(user=request.user, name=name).exclude(pk=pk).exists()
    if not name or taken:
        messages.warning(request, _("Choose a name that is not taken yet."))
    else:
        SavedFilter.objects.filter(pk=saved.pk).update(name=name)
        messages.success(request, _("Renamed to “%(name)s”.") % {"name": name})
    return redirect(way_back(request))


@login_required
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget saved filters; no picture is touched."""
    saved = _own(request, pk)
    saved.delete()
    messages.success(request, _("“%(name)s” was deleted. Its pictures stay.") % {"name": saved.name})
    return redirect(way_back(request))


def _own(request: HttpRequest, pk: int) -> SavedFilter:
    return get_object_or_404(SavedFilter, pk=pk, user=request.user)


def _name_in(request: HttpRequest) -> str:
    return " ".join(request.POST.get("name", "").replace("\0", "").split())[:NAME_AT_MOST]


def _is_readable(query: QueryDict) -> bool:
    try:
        return bool(Filters.from_query(query))
    except BadFilter:
        return False
