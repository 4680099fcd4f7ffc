"""One search over everything that has a page: pages, cameras, panels, groups, tags. Each as far as the reader may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from media_pipeline.captures.labels import tags_of

from .context import Rights
from .site_map import Page, all_pages

QUERY_CHARS = 80
IN_PALETTE, ON_PAGE = 5, 30


@dataclass(frozen=True)
class Hit:
    """One thing that was found. `hint` says which of those with this name."""

    label: str
    url: str
    icon: str
    hint: str = ""


@dataclass(frozen=True)
class Kind:
    """What was found of one kind; `more_url` leads to the rest."""

    label: str
    hits: list[Hit]
    more_url: str = ""


def find(user, rights, text: str, at_most: int) -> list[Kind]:
    """Return what fits the text, by kind; with no text every page that the person may open, by room."""
    if not text:
        return _by_room(rights)
    visible = Device.objects.visible_to(user)
    kinds = [
        Kind(_("Pages"), [_page(page, room) for room, page in _matching_pages(rights, text)][:at_most]),
        _devices(_("Cameras"), "cctv", visible.cameras(), text, at_most),
        _devices(_("Panels"), "monitor", visible.panels().exclude(pk__in=visible.cameras()), text, at_most),
        Kind(_("Groups"), [_group(group) for group in _matching_groups(user, visible, text)[:at_most]]),
        Kind(_("Tags"), [_tag(tag.name) for tag in tags_of(user).filter(name__icontains=text)[:at_most]]),
    ]
    pictures = Hit(_("Search pictures for “%(text)s”") % {"text": text}, _url("history", q=text), "images")
    return [kind for kind in [*kinds, Kind(_("Pictures"), [pictures])] if kind.hits]


def _by_room(rights) -> list[Kind]:
    found: dict[str, list[Hit]] = {}
    for room, page in all_pages(rights):
        found.setdefault(str(room.label), []).append(_page(page))
    return [Kind(label, hits) for label, hits in found.items()]


def _matching_pages(rights, text: str) -> Iterable[tuple]:
    """Return the pages that fit, in the reader's language or in English, those that begin with the text first."""
    wanted = text.casefold()
    fitting = [(room, page) for room, page in all_pages(rights) if wanted in _words_of(page)]
    return sorted(fitting, key=lambda found: not str(found[1].label).casefold().startswith(wanted))


def _words_of(page: Page) -> str:
    here = f"{page.label} {page.also}"
    with override("en"):
        return f"{here} {page.label} {page.also}".casefold()


def _page(page: Page, room=None) -> Hit:
    hint = str(room.label) if room and room.first is not page else ""
    return Hit(str(page.label), reverse(page.url_name), page.icon, hint)


def _devices(label: str, icon: str, rows: QuerySet, text: str, at_most: int) -> Kind:
    fitting = rows.filter(Q(name__icontains=text) | Q(code__icontains=text.lower()))
    found = list(fitting.order_by("-pinned", "name", "code")[: at_most + 1])
    hits = [Hit(d.name, reverse("devices:detail", args=[d.code]), icon, d.code) for d in found[:at_most]]
    return Kind(label, hits, _url("devices:list", q=text) if len(found) > at_most else "")


def _matching_groups(user, visible: QuerySet, text: str) -> QuerySet:
    groups = DeviceGroup.objects.visible_to(user).filter(name__icontains=text)
    return groups.holding(visible).order_by("name")


def _group(group: DeviceGroup) -> Hit:
    return Hit(group.name, _url("devices:list", group=group.name), "folder")


def _tag(name: str) -> Hit:
    return Hit(name, _url("history", tag=name), "tag")


def _url(name: str, **query: str) -> str:
    return f"{reverse(name)}?{urlencode(query)}"


@login_required
@never_cache
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show what fits `q` on a page; `part` asks for the options of the palette alone."""
    text = " ".join(request.GET.get("q", "").replace("\0", "").split())[:QUERY_CHARS]
    in_palette = "part" in request.GET
    kinds = find(request.user, Rights(request.user), text, IN_PALETTE if in_palette else ON_PAGE)
    name = "photohub/pages/_options.html" if in_palette else "photohub/pages/search.html"
    return render(request, name, {"kinds": kinds, "q": text})
