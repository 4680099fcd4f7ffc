"""What every template can rely on."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from devices.access.rights import Action, can
from photohub import __version__
from photohub.lib.pages import vendor


class Rights:
    """What the visitor may do somewhere, for menus; each view still asks for its own object."""

    def __init__(self, user) -> None:
        self.is_owner = can(user, Action.MANAGE)
        self.is_operator = self.is_owner or can(user, Action.COMMAND)


def page(request: HttpRequest) -> dict:
    """Return `rights`, `product_version`, `theme`, `has_lightbox`, `trash_days`."""
    user = getattr(request, "user", None)
    theme = request.COOKIES.get("photohub_theme", "")
    return {
        "rights": SimpleLazyObject(lambda: Rights(user)),
        "product_version": __version__,
        "theme": theme if theme in ("light", "dark") else "",
        "has_lightbox": vendor.available(),
        "trash_days": settings.TRASH_DAYS,
    }
