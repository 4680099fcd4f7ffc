"""Who may look at which live picture: asked when a viewer comes, and again every few seconds."""

from http.cookies import CookieError, SimpleCookie

from django.conf import settings

from devices.access.rights import Action, can, keep_allowed
from devices.keys.tokens import (
    FOR_BROWSERS,
    FOR_PROGRAMS,
    is_browser,
    note_failed_try,
    read_papers,
    token_of,
)
from devices.registry.models import Device
from photohub.lib.database.db import in_thread
from photohub.lib.http.scope import client_address, headers_of
from photohub.lib.pages.sessions import user_of_session

from . import now as live_now
from .latest_frame import Frames
from .mjpeg import Verdict

_NOBODY = "Log in to see this camera, or send an API token: as Bearer, or as the password of HTTP Basic."
_TOO_OFTEN = "Too many failed tries; wait {} s."
_OFF = "This camera is turned off."
_NONE_STREAMS = "No camera that you may see is streaming. Open its page for what it has to send."
_SEVERAL_STREAM = "Several cameras are streaming: ask for /devices/<code>/stream.mjpg."


class Viewing:
    """The rights of viewers, by session cookie or API token."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    async def authorise(self, scope: dict, code: str | None) -> Verdict:
        """Return whether this viewer may look at the camera, or for None at which one he looks by default."""
        user = await in_thread(_user_of, scope)
        if user is None:
            return _refuse(scope)
        if code is not None:
            return await in_thread(_may_look, user, code)
        return _only_one(await live_now.collect(self._frames, await in_thread(_visible_codes, user)))

    async def codes_of(self, scope: dict) -> frozenset[str] | None:
        """Return the cameras that this viewer may look at; None when he is nobody, or nobody any more."""
        return await in_thread(_codes_of, scope)


def _codes_of(scope: dict) -> frozenset[str] | None:
    user = _user_of(scope)
    return None if user is None else frozenset(_visible_codes(user))


def _refuse(scope: dict) -> Verdict:
    """Ask who it is; whoever tries wrong tokens again and again is to wait."""
    headers = headers_of(scope)
    wait_s = note_failed_try(client_address(scope)) if headers.get("authorization") else 0
    if wait_s:
        return Verdict(429, sentence=_TOO_OFTEN.format(wait_s), headers={"Retry-After": str(wait_s)})
    challenge = FOR_BROWSERS if is_browser(headers) else FOR_PROGRAMS
    return Verdict(401, sentence=_NOBODY, headers={"WWW-Authenticate": challenge})


def _user_of(scope: dict):
    headers = headers_of(scope)
    authorization = headers.get("authorization") or ""
    papers = read_papers(authorization)
    if papers is not None and (token := token_of(papers, client_address(scope))) is not None:
        token.user.token_scopes = frozenset(token.scopes)
        return token.user
    if authorization and (papers is None or papers.username is None):
        return None
    # A proxy may want a password of its own, which the browser then sends to us too.
    return _user_in_session(headers)


def _user_in_session(headers: dict[str, str | None]):
    try:
        cookies = SimpleCookie(headers.get("cookie") or "")
    except CookieError:
        return None
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return user_of_session(morsel.value if morsel else None)


def _may_look(user, code: str) -> Verdict:
    device = Device.objects.visible_to(user).filter(code=code).first()
    if device is None or not can(user, Action.LOOK, device):
        return Verdict(404)
    return Verdict(200, code) if device.enabled else Verdict(404, sentence=_OFF)


def _visible_codes(user) -> list[str]:
    devices = keep_allowed(Device.objects.filter(enabled=True), user, Action.LOOK)
    return list(devices.values_list("code", flat=True))


def _only_one(streaming: dict) -> Verdict:
    if len(streaming) == 1:
        return Verdict(200, next(iter(streaming)))
    return Verdict(404, sentence=_SEVERAL_STREAM if streaming else _NONE_STREAMS)
