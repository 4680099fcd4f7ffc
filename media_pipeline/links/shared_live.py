"""The live view behind a shared link: who may look, asked again every few seconds."""

import re
from http.cookies import CookieError, SimpleCookie

from media_pipeline.live.mjpeg import Verdict
from photohub.lib.database.db import in_thread
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.scope import client_address, headers_of

from . import sharing
from .shared_proof import is_unlocked

PATHS = re.compile(r"^/s/(?P<code>[0-9a-z]{6,24})/live\.mjpg$")
# With the look at all viewers every 1.25 s, one that may no longer look is sent away within 7 s.
RECHECK_EVERY_S = 5.0
# Each takes a connection and the camera's pictures in full, and a link can be passed on to anybody.
VIEWERS_AT_MOST = 30
_ENDED = "This link does not show a live view any more."
_failed_tries = FailedTries()


def serves(path: str) -> bool:
    """Tell whether this path is the live view of a shared link."""
    return PATHS.match(path) is not None


async def authorise(scope: dict, _camera: str | None) -> Verdict:
    """Return whether whoever has this link may look now, and at which camera."""
    return await in_thread(_may_look, scope)


def _may_look(scope: dict) -> Verdict:
    match, address = PATHS.match(scope["path"]), client_address(scope)
    code = match["code"] if match else ""
    if wait_s := _failed_tries.wait_s(address, code):
        return Verdict(429, sentence="Too many failed tries.", headers={"Retry-After": str(wait_s)})
    link = sharing.find(code)
    if link is None:
        _failed_tries.missed(address)
        return Verdict(404, sentence="There is no such link.")
    _failed_tries.found(code)
    if link.device is None or not sharing.opens_live(link):
        return Verdict(404, sentence=_ENDED)
    if not is_unlocked(_cookies(scope), link):
        return Verdict(403, sentence="Open the link itself first: it asks for a password.")
    return Verdict(200, link.device.code)


def _cookies(scope: dict) -> dict[str, str]:
    try:
        cookies = SimpleCookie(headers_of(scope).get("cookie") or "")
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in cookies.items()}
