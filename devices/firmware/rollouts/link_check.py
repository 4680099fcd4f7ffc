"""Whether the hub's own outside address leads to the hub, before it is handed to devices as a download link.

The sweep asks in the background; offers only read what was found, so no device waits for it. A device that asks
over HTTP has reached the hub, and gets its image by the address it came to: for it nothing is held up. Over MQTT
the hub hands out PHOTOHUB_URL unasked, and a wrong one would fail every device of a rollout in the same way.

Behind some routers a hub cannot reach its own outside address though others can; PHOTOHUB_LINK_CHECK=false is
for these.
"""

import http.client
import logging
import socket
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from photohub.lib.network import site
from photohub.lib.pages.sentences import Said, said

from .models import Rollout

log = logging.getLogger(__name__)

HEARTBEAT = "ota-link"
TIMEOUT_S = 2.0
LASTS_S = 60
# Without a rollout nobody waits for it: it is asked for the status page, where somebody named the address.
LASTS_IDLE_S = 600
STALE_AFTER_S = 180


def hindrance() -> str:
    """Return `link_unknown` or `link_broken` when links may not be handed out, or nothing. Asks the database only."""
    if not settings.LINK_CHECK:
        return ""
    row = ServiceBeat.objects.filter(pk=HEARTBEAT).first()
    if row is None or abs(timezone.now() - row.at) > timedelta(seconds=STALE_AFTER_S):
        return "link_unknown"
    return "" if row.ok else "link_broken"


def is_due() -> bool:
    """Tell whether to ask now: once a minute while a rollout runs, else once in ten where PHOTOHUB_URL is set."""
    if not settings.LINK_CHECK:
        return False
    if not Rollout.objects.running().exists():
        return bool(settings.PHOTOHUB_URL) and _is_older_than(LASTS_IDLE_S)
    return _is_older_than(LASTS_S)


def _is_older_than(seconds: int) -> bool:
    row = ServiceBeat.objects.filter(pk=HEARTBEAT).first()
    return row is None or abs(timezone.now() - row.at) >= timedelta(seconds=seconds)


def refresh_if_due() -> None:
    """Ask whether the hub is reached at its own address. Called by the sweep."""
    if not is_due():
        return
    problem = find_problem(site.base_url())
    if heartbeats.note(HEARTBEAT, not problem, problem):
        log.log(logging.WARNING if problem else logging.INFO, "Outside address: %s", problem or "it answers.")


def find_problem(base_url: str) -> Said:
    """GET <base_url>/healthz; return in a sentence what is wrong, or nothing."""
    parts = urlsplit(base_url)
    try:
        connection = _open(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request("GET", f"{parts.path}/healthz", headers={"Connection": "close"})
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return said(
            "%(address)s cannot be reached from the hub itself: %(error)s.",
            address=base_url,
            error=_why_not(error),
        )
    if status == 200:
        return Said("")
    if 300 <= status < 400:
        # Small updaters follow no redirects, so for them this address leads nowhere.
        return said(
            "%(address)s answers with a redirect, which most devices cannot follow.", address=base_url
        )
    return said(
        "%(address)s answered %(status)s, so it does not lead to this hub.", address=base_url, status=status
    )


def _why_not(error: Exception) -> Said | str:
    if isinstance(error, TimeoutError):
        return said("no answer within %(seconds)s s", seconds=round(TIMEOUT_S))
    if isinstance(error, ConnectionRefusedError):
        return said("nothing answers there")
    if isinstance(error, socket.gaierror):
        return said("its name is not known")
    return getattr(error, "strerror", None) or type(error).__name__


def _open(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    # Whether the address leads here is the question, not who vouches for it: devices bring their own roots.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
