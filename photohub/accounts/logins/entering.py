"""The two steps of a login: who proved the first waits here, in a session of nobody's, for the second."""

import time

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import get_user_model, login, user_login_failed
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from devices.access import arrivals
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from photohub.lib.pages.sentences import Said, said

from . import factors

BACKEND = "django.contrib.auth.backends.ModelBackend"
_SLOT = "first_step"
_WAITS_S = 600


def enter(request: HttpRequest, user, target: str = "") -> HttpResponse:
    """Go on after the first step: in, to the second one, or to where a second factor is set up."""
    on = factors.are_on(user)
    if not on and not factors.are_needed(user):
        return let_in(request, user, target)
    # Nobody may have put a session of his own into this browser before.
    request.session.flush()
    request.session[_SLOT] = {"person": user.pk, "at": time.time(), "target": target, "proof": _proof(user)}
    return redirect("login_second" if on else "login_set_up_second")


def let_in(request: HttpRequest, user, target: str = "", details: str | Said = "") -> HttpResponse:
    """Log the person in, and write it down."""
    waited = request.session.pop(_SLOT, None)
    with transaction.atomic():
        login(request, user, backend=BACKEND)
        audit.note(Word.LOGGED_IN, Kind.SESSION, details=details, person=user)
    arrivals.note_login(request, user)
    target = target or (waited or {}).get("target", "")
    fits = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return redirect(target if target and fits else "live")


def who_waits(request: HttpRequest):
    """Return who proved the first step here some minutes ago, and may still come in; None for nobody."""
    waits = request.session.get(_SLOT)
    if not waits or abs(time.time() - waits["at"]) > _WAITS_S:
        return None
    user = get_user_model().objects.filter(pk=waits["person"], is_active=True).first()
    # A new password, set meanwhile, ends the login with the old one.
    return user if user is not None and waits["proof"] == _proof(user) else None


def _proof(user) -> str:
    return user.get_session_auth_hash()


def is_locked(request: HttpRequest, user) -> bool:
    """Tell whether too many wrong passwords and codes came for this person from this address."""
    return not AxesProxyHandler.is_allowed(request, {"username": user.get_username()})


def note_wrong(request: HttpRequest, user) -> None:
    """Count a wrong code as a wrong password is counted."""
    credentials = {"username": user.get_username()}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def by_passkey() -> Said:
    return said("By a passkey alone.")
