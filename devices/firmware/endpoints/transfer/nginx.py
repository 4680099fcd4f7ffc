"""Handing an image over to nginx: the hub says who may have which bytes, and nginx sends them.

Only where PHOTOHUB_NGINX_SENDS_FIRMWARE says that deploy/nginx.conf stands before the hub, and where this request came
through it, which the header tells that it sets. nginx gets the image once, with the ticket that the answer names, and keeps
it under its SHA-256. Whoever shows the header without being nginx gets an empty answer to a request that was his.
"""

import hashlib
import logging
import re
import time

from django.conf import settings

from devices.firmware.rollouts.models import RolloutTarget
from devices.protocol.firmware.byte_ranges import RangeDecision
from devices.protocol.firmware.tickets import Ticket, encode_ticket, read_ticket
from photohub.lib.http.answer import answer

from ..call import Call

log = logging.getLogger(__name__)

HEADER, WORD = "x-sends-firmware", "nginx"
# The same on the wire, as nginx spells it.
MARK = b"\r\nX-Sends-Firmware: nginx\r\n"
# A smaller part is sent sooner than handed over: that costs nginx two more requests to the hub.
AT_LEAST_BYTES = 64 * 1024
# nginx fetches an image at once, or after it waited 60 s for another request that fetches the same.
FETCHED_WITHIN_S = 120
# A download that nginx tells of later than that was another try.
TOLD_WITHIN_S = 24 * 3600
NOT_TAKEN_FOR_S = 60.0
_NOT_TAKEN_AT_MOST = 100
# What nginx and `decide_range` read alike.
_PLAIN_RANGE = re.compile(r"bytes=[0-9]{0,18}-[0-9]{0,18}", re.IGNORECASE)
# Conditions that nginx would look at, and the hub does not.
_FOREIGN = ("if-match", "if-unmodified-since")

_not_taken: dict[str, float] = {}


def came_through(call: Call) -> bool:
    """Tell whether nginx can take over what is sent to this request."""
    return settings.NGINX_SENDS_FIRMWARE and call.headers.get(HEADER) == WORD


def takes(call: Call, sha256: str, etag: str, decision: RangeDecision) -> bool:
    """Tell whether nginx is to send these bytes: it would send the very same, and has room for the image."""
    return (
        came_through(call)
        and call.method == "GET"
        and decision.status in (200, 206)
        and decision.length_bytes >= AT_LEAST_BYTES
        and _reads_alike(call, etag, decision)
        and is_taken(sha256)
    )


def _reads_alike(call: Call, etag: str, decision: RangeDecision) -> bool:
    if any(name in call.headers for name in _FOREIGN):
        return False
    wanted = call.header("range")
    if decision.status == 206:
        return bool(_PLAIN_RANGE.fullmatch(wanted))
    return not wanted or call.header("if-range").strip() not in ("", etag)


async def hand_over(
    call: Call, target: RolloutTarget, sha256: str, decision: RangeDecision, named: dict[str, str]
) -> None:
    """Tell nginx to send this part. `named` are headers that belong to the update and not to the bytes."""
    ticket = Ticket(target.pk, sha256, decision.first, decision.last + 1, int(time.time()))
    address = f"/ota/image/{sha256}?{encode_ticket(ticket, _secret())}"
    call.begun = True
    await answer(call.send, 200, b"", named | {"X-Accel-Redirect": address})


def read(text: str, sha256: str, within_s: float) -> Ticket | None:
    """Return what a ticket says that this hub wrote so lately. The clock may have been set meanwhile."""
    ticket = read_ticket(text, sha256, _secret())
    return ticket if ticket is not None and abs(time.time() - ticket.made_s) <= within_s else None


def is_taken(sha256: str) -> bool:
    """Tell whether nginx can keep this image, as far as this process knows."""
    return _not_taken.get(sha256, 0.0) < time.monotonic()


def note_not_taken(sha256: str) -> None:
    """Send this image from here for a while: nginx could not keep it, as when its folder is full."""
    log.warning(
        "nginx broke off while it fetched a firmware image, as it does when its cache is full or too small for it."
        " For %d s this process sends the image itself.",
        NOT_TAKEN_FOR_S,
    )
    while len(_not_taken) >= _NOT_TAKEN_AT_MOST:
        _not_taken.pop(next(iter(_not_taken)))
    _not_taken[sha256] = time.monotonic() + NOT_TAKEN_FOR_S


def _secret() -> bytes:
    return hashlib.sha256(f"firmware ticket {settings.SECRET_KEY}".encode()).digest()
