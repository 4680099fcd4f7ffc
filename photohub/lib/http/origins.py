"""Which web pages may open a WebSocket: the hub's own. A browser names the page's origin; programs and devices name none."""

from collections.abc import Awaitable, Callable
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host

_PORTS = {"http": 80, "https": 443}
# WeChat's mini programs name this origin, whoever made them.
MINI_PROGRAM = "https://servicewechat.com"

Origin = tuple[str, str, int]


class OwnPagesOnly:
    """An ASGI application that lets only pages of this hub through, and what names no origin when `needed` is false."""

    def __init__(self, application: Callable[..., Awaitable[None]], *, needed: bool = True) -> None:
        self._application = application
        self._needed = needed

    async def __call__(self, scope: dict, receive, send) -> None:
        if comes_from_own_page(scope, needed=self._needed):
            await self._application(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 4003})


def comes_from_own_page(scope: dict, *, needed: bool) -> bool:
    """Tell whether scheme, host and port of the Origin are the hub's.

    They are when they equal those of PHOTOHUB_URL, or those by which the socket itself was opened, if the host is one
    that the hub answers to. Sockets of which an Origin is `needed` hang on a cookie; the others bring a password.
    """
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    if not named:
        return not needed
    origin = read_origin(named[0])
    if len(named) > 1 or origin is None:
        return False
    if not needed and origin == read_origin(MINI_PROGRAM):
        return True
    return origin == read_origin(settings.PHOTOHUB_URL) or (
        origin == _opened_by(scope) and validate_host(origin[1], settings.ALLOWED_HOSTS)
    )


def is_led_by_own_page(request: HttpRequest) -> bool:
    """Tell whether a page of this hub led here. Browsers say so; over plain HTTP they name the page alone."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = read_origin(request.headers.get("Referer", ""))
    return origin is not None and origin == read_origin(f"{request.scheme}://{request.get_host()}")


def read_origin(text: str) -> Origin | None:
    """Return scheme, host and port of an address; None where one is missing, as in the origin `null`."""
    try:
        parts: SplitResult = urlsplit(text.strip())
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if scheme not in _PORTS or not host:
        return None
    # Django's list of hosts holds IPv6 addresses in brackets.
    return scheme, f"[{host}]" if ":" in host else host, port or _PORTS[scheme]


def _opened_by(scope: dict) -> Origin | None:
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    # The scheme is the client's also behind proxies (`proxies.behind_proxies`).
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    return read_origin(f"{scheme}://{hosts[0]}") if len(hosts) == 1 else None
