"""The browsers in which a person is logged in: when each was last seen, and ending one of them."""

import threading
import time
from collections import OrderedDict

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from devices.access.models import BrowserSession
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from photohub.lib.http.scope import address_of

from .agents import name_agent

# Exact enough for people, and no write for every page.
NOTED_EVERY_S = 300.0
_KNOWN_AT_MOST = 5_000
_AGENT_CHARS = 200


class Noted:
    """When each session was last written down by this process; as many as a hub has, and no more."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_due(self, key: str) -> bool:
        """Tell whether the session is to be written down again, and take that for done."""
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._at.get(key, float("-inf")) < NOTED_EVERY_S:
                return False
            self._at[key] = now_s
            self._at.move_to_end(key)
            if len(self._at) > _KNOWN_AT_MOST:
                self._at.popitem(last=False)
        return True


noted = Noted()


@sync_and_async_middleware
def note_sessions(get_response):
    """Write down now and then which browser a person uses, after his page."""
    if iscoroutinefunction(get_response):

        async def middleware(request):
            response = await get_response(request)
            if _is_due(request):
                await sync_to_async(_note)(request)
            return response

    else:

        def middleware(request):
            response = get_response(request)
            if _is_due(request):
                _note(request)
            return response

    return middleware


def _is_due(request: HttpRequest) -> bool:
    # Who asked for nothing of a person's is not asked about one.
    user = getattr(request, "_cached_user", None)
    if user is None or not user.is_authenticated or not request.session.session_key:
        return False
    return noted.is_due(request.session.session_key)


def _note(request: HttpRequest) -> None:
    seen = {
        "user_id": request._cached_user.pk,  # pyrefly: ignore[missing-attribute]
        "address": address_of(request)[:64],
        "agent": request.headers.get("User-Agent", "").replace("\0", "")[:_AGENT_CHARS],
        "last_seen_at": timezone.now(),
    }
    key = request.session.session_key
    try:
        if not BrowserSession.objects.filter(session_key=key).update(**seen):
            with transaction.atomic():
                BrowserSession.objects.get_or_create(session_key=key, defaults=seen)
    except DatabaseError:
        # The page was answered; the next one in some minutes writes it down.
        return


def sessions_of(request: HttpRequest) -> list[BrowserSession]:
    """Return the person's living sessions, this one first, then those seen last; each with its browser in words."""
    living = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    rows = list(BrowserSession.objects.filter(user=request.user, session_key__in=living))
    for row in rows:
        row.is_this = row.session_key == request.session.session_key
        row.browser = name_agent(row.agent)
    return sorted(rows, key=lambda row: (not row.is_this, -row.last_seen_at.timestamp()))


def end_session(user, pk: int) -> BrowserSession | None:
    """End one of the person's sessions; None when there is none. Open sockets and streams follow within seconds."""
    with transaction.atomic():
        row = BrowserSession.objects.filter(user=user, pk=pk).first()
        if row is None:
            return None
        Session.objects.filter(session_key=row.session_key).delete()
        row.delete()
        row.browser = name_agent(row.agent)
        audit.note(Word.REVOKED, Kind.SESSION, pk, row.browser, row.address)
    return row
