"""Asking again whether a browser session still stands, for sockets and streams that outlive their request."""

from datetime import timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

KEPT_AFTER_END = timedelta(days=7)

_store = import_module(settings.SESSION_ENGINE).SessionStore


def user_of_session(session_key: str | None):
    """Return the person whom this session belongs to now.

    None when it ended, or he changed his password or was switched off.
    """
    if not session_key:
        return None
    data = _store(session_key).load()
    if SESSION_KEY not in data or data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = get_user_model().objects.filter(pk=data[SESSION_KEY], is_active=True).first()
    if user is None or not constant_time_compare(
        data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
    ):
        return None
    return user


def drop_ended() -> int:
    """Delete the sessions that ended by themselves a while ago. Returns how many."""
    return Session.objects.filter(expire_date__lt=timezone.now() - KEPT_AFTER_END).delete()[0]


def end_sessions(user, keep: str | None = None) -> int:
    """End the person's browser sessions, but for `keep`; open sockets and streams follow within seconds."""
    ended = 0
    for session in (
        Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=keep).iterator()
    ):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
            ended += 1
    return ended
