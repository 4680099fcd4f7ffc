"""What every template can rely on."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from devices.access.rights import Action, can
from photohub import __version__
from photohub.lib.pages import vendor
from photohub.lib.pages.middleware import ROOM

from .frame import draw_keys, draw_nav, draw_words
from .site_map import ROOMS, Page, Room, pages_of, room_of


class Rights:
    """What the visitor may do somewhere, for menus; each view still asks for its own object."""

    def __init__(self, user) -> None:
        self.is_owner = can(user, Action.MANAGE)
        self.is_operator = self.is_owner or can(user, Action.COMMAND)


@dataclass(frozen=True)
class RailRoom:
    """One room of the rail, and its pages that the visitor may open. `current`: as `aria-current` says it, or empty."""

    room: Room
    pages: list[Page]
    current: str


def rail_of(request: HttpRequest, rights: Rights | SimpleLazyObject) -> list[RailRoom]:
    """Return the rooms of the rail, the one of this page marked."""
    view = request.resolver_match.view_name if request.resolver_match else ""
    here = request.META.get(ROOM) or room_of(view)
    return [RailRoom(room, pages_of(room, rights), _current(room, here, view)) for room in ROOMS]


def _current(room: Room, here: str, view: str) -> str:
    if room.key != here:
        return ""
    return "page" if room.first.url_name == view else "true"


def page(request: HttpRequest) -> dict:
    """Return `rights`, `rail`, `frame_…` (HTML), `product_version`, `theme`, `has_lightbox`, `trash_days`."""
    user = getattr(request, "user", None)
    rights = SimpleLazyObject(lambda: Rights(user))
    rail = SimpleLazyObject(lambda: rail_of(request, rights))
    theme = request.COOKIES.get("photohub_theme", "")
    return {
        "rights": rights,
        "rail": rail,
        "frame_nav": lambda: draw_nav(request, rights, rail),
        "frame_keys": lambda: draw_keys(request, rights, rail),
        "frame_words": draw_words,
        "product_version": __version__,
        "theme": theme if theme in ("light", "dark") else "",
        "has_lightbox": vendor.available(),
        "trash_days": settings.TRASH_DAYS,
    }
