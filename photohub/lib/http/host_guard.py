"""An unknown Host gets a page that says what to do, instead of a bare 400."""

import html

from django.conf import settings
from django.http.request import split_domain_port, validate_host

# Health probes come by container addresses that nobody lists.
_OPEN_PATHS = ("/healthz", "/readyz")
# Small boards speak HTTP/1.0, which knows no Host; a browser always sends one.
_HOSTLESS_PATHS = ("/panel/", "/api/setup", "/api/display", "/api/log")


async def refuse_unknown_host(scope: dict, send) -> bool:
    """Answer 400 to a request for a name that is not ours, or for two names; returns whether it did."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    # Two of them are no name of a host, as the comma makes sure.
    host = ", ".join(hosts)
    domain, _port = split_domain_port(host)
    hostless = not host and scope["path"].startswith(_HOSTLESS_PATHS)
    if hostless or scope["path"] in _OPEN_PATHS or (domain and validate_host(domain, settings.ALLOWED_HOSTS)):
        return False
    await _answer(send, domain or host)
    return True


async def _answer(send, name: str) -> None:
    shown = html.escape(name[:100]) or "(none)"
    body = (
        "<!doctype html><meta charset=utf-8><title>PhotoHub</title>"
        f"<h1>PhotoHub does not answer to the name {shown}</h1>"
        f"<p>If this is the right address, start PhotoHub with <code>PHOTOHUB_URL=http://{shown}</code> "
        "(with the port, if it is not 80), so that it knows its own name.</p>"
        f"<p lang=zh-Hans>PhotoHub 不认识 {shown} 这个名字。如果地址没错,请在启动时设置 PHOTOHUB_URL。</p>"
    ).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"content-security-policy", b"default-src 'none'"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})
