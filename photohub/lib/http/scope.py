"""Reading ASGI scopes outside Django."""


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


def address_of(request) -> str:
    """Return the client's address of a request of Django's, which in tests may have no scope."""
    scope = getattr(request, "scope", None)
    return client_address(scope) if scope else request.META.get("REMOTE_ADDR", "")


def client_address(scope: dict) -> str:
    """Return the client's address, which `proxies.behind_proxies` has put in the place of a trusted proxy's."""
    return (scope.get("client") or ("", 0))[0]
