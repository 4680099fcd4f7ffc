"""Reading ASGI scopes outside Django."""

from django.conf import settings
from django.http import HttpRequest


def headers_of(scope: dict) -> dict[str, str | None]:
    """Return the headers by lower-case name. A name that came twice maps to None, so that no one wins by order."""
    found: dict[str, str | None] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        found[name] = None if name in found else _text(raw_value)
    return found


def _text(raw: bytes) -> str:
    # Cameras send UTF-8 or GBK where HTTP says Latin-1.
    for encoding in ("utf-8", "gbk"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def client_address(scope: dict) -> str:
    """Return the client's address; behind trusted proxies, the address that the outermost of them saw."""
    address = (scope.get("client") or ("", 0))[0]
    hops = settings.TRUSTED_PROXIES
    if not hops:
        return address
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            parts = [part.strip() for part in value.decode("latin-1").split(",") if part.strip()]
            return parts[-hops] if len(parts) >= hops else address
    return address


def address_of_request(request: HttpRequest) -> str:
    """Return the client's address of a page's request, by the same rule as at the doors."""
    scope = getattr(request, "scope", None)
    return client_address(scope) if scope else request.META.get("REMOTE_ADDR", "")
