"""What stands around every page: the rail with its menu, the keyboard sheet, the words of scripts."""

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.safestring import SafeString

from photohub import __version__
from photohub.lib.pages.templating.skeletons import Skeleton

from .site_map import ROOMS

_NAV = Skeleton("parts/_nav.html", "csrf_token", "path", "username")
_KEYS = Skeleton("parts/_keys.html")
_WORDS = Skeleton("parts/_words.html")
# The other views mark no page of the rail.
_MARKED = {page.url_name for room in ROOMS for page in room.pages} | {"search"}


def draw_nav(request: HttpRequest, rights, rail) -> SafeString:
    """Return the rail. `rights` and `rail` are those of the page."""
    name, here = _name_of(request), _view_of(request)
    return _NAV.fill(
        {
            "here": here if here in _MARKED else "",
            "room": next(((line.room.key, line.current) for line in rail if line.current), None),
            "is_known": name is not None,
            "is_owner": rights.is_owner,
            "is_operator": rights.is_operator,
        },
        {
            "csrf_token": "" if name is None else get_token(request),
            "path": request.get_full_path(),
            "username": name or "",
        },
        lambda: {
            "rail": rail,
            # A phone's bar has no place for firmware.
            "rooms_in_bar": sum(line.room.key != "firmware" for line in rail),
            "product_version": __version__,
        },
    )


def draw_keys(request: HttpRequest, rights, rail) -> SafeString:
    """Return the keyboard sheet, with all pages that the visitor may open."""
    return _KEYS.fill(
        {
            "is_wall": _view_of(request) == "wall",
            "is_known": _name_of(request) is not None,
            "is_owner": rights.is_owner,
            "is_operator": rights.is_operator,
        },
        {},
        lambda: {"rail": rail},
    )


def draw_words() -> SafeString:
    """Return the words that scripts say."""
    return _WORDS.fill({}, {})


def _name_of(request: HttpRequest) -> str | None:
    """Return what the visitor is called; None for a stranger, and where it failed before anybody asked who he is."""
    user = getattr(request, "user", None)
    return user.get_username() if user is not None and user.is_authenticated else None


def _view_of(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""
