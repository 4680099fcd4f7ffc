"""What nginx asks of the hub: an image that was handed over to it, and to take note of how much of it went out.

    GET  /ota/image/<sha256>?<ticket>                            the whole image, once for all who get it
    POST /ota/sent?image=<sha256>&ticket=…&status=…&bytes=…      what became of one download

Nobody else can: each needs a ticket, and from outside nginx answers both with 404. A report that never comes is missed by
nothing: the row says "downloading" until the device says what it runs, or its time is over.
"""

import asyncio
import logging
import re

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from devices.firmware.rollouts.models import RolloutTarget
from devices.protocol.firmware.tickets import Ticket
from photohub.lib.database.batching import Batcher
from photohub.lib.http.answer import begin, whole_answer

from .. import download
from ..call import Call, Gone, Refused
from . import nginx, tokens
from .sending import send_image

log = logging.getLogger(__name__)

IMAGE_PATH = re.compile(r"^/ota/image/(?P<sha256>[0-9a-f]{64})$")
SENT_PATH = re.compile(r"^/ota/sent$")
_NUMBER = re.compile(r"[0-9]{1,15}")
_REPORT_BEGINS = b"POST /ota/sent?"
_REPORT = re.compile(
    rb"POST /ota/sent\?image=([0-9a-f]{64})&ticket=([0-9a-f.]{1,100})&status=([0-9]{3})&bytes=([0-9]{1,15}) HTTP/1\.1"
    rb"\r\n[ -~\r\n]{0,1000}\r\n\r\n"
)
_TAKEN = whole_answer(200, b"", {"Connection": "close"})

_noting: set[asyncio.Task[None]] = set()


async def answer_image(call: Call) -> None:
    """Give nginx the whole image, for all who get it."""
    call.allow("GET")
    sha256 = call.found["sha256"] or ""
    ticket = _read(call.scope.get("query_string", b"").decode("latin-1"), sha256, nginx.FETCHED_WITHIN_S)
    with download.places.one(settings.DOWNLOADS_AT_ONCE):
        image = await _open.do(ticket)
        named = download.headers_of(image) | {"Content-Length": str(len(image.data))} | download.UNCHANGED
        # It is the update's, and another one may have the same bytes.
        named.pop("X-Signature", None)
        if not (keeps := nginx.is_taken(sha256)):
            # Another process handed it over, and does not know yet.
            named["X-Accel-Expires"] = "0"
        call.begun = True
        await begin(call.send, 200, named)
        try:
            await send_image(call.send, call.receive, memoryview(image.data), _pass_over)
        except Gone:
            # What nginx keeps it fetches as a whole, also when the device leaves that it was for.
            if keeps:
                nginx.note_not_taken(sha256)
            raise


async def answer_sent(call: Call) -> None:
    """Take note of the end of a download."""
    call.allow("POST")
    ticket = _read(call.query("ticket"), call.query("image"), nginx.TOLD_WITHIN_S)
    await call.answer(204)
    await _note_sent(ticket, call.query("status"), call.query("bytes"))


def take_report(data: bytes) -> bytes | None:
    """Take a whole report at the wire, and return its answer; None for everything else.

    They come as often as downloads, and a request like any other costs twice as much. Call from the loop.
    """
    found = _REPORT.fullmatch(data) if data.startswith(_REPORT_BEGINS) else None
    if found is None or not settings.NGINX_SENDS_FIRMWARE:
        return None
    image, text, status, sent = (part.decode() for part in found.groups())
    ticket = nginx.read(text, image, nginx.TOLD_WITHIN_S)
    if ticket is None:
        return None
    task = asyncio.create_task(_note_sent(ticket, status, sent))
    _noting.add(task)
    task.add_done_callback(_noting.discard)
    return _TAKEN


async def _note_sent(ticket: Ticket, status: str, sent: str) -> None:
    part = sent_part(ticket, status, sent)
    if part is None:
        return
    try:
        target = await _find.do(ticket.target)
    except (DatabaseError, InterfaceError):
        log.warning("That an image was fetched could not be noted.")
        return
    if target is not None and target.rollout.firmware.sha256 == ticket.sha256:
        await download.note(download.Sent(target, target.rollout.firmware.size_bytes, *part))


def sent_part(ticket: Ticket, status: str, sent: str) -> tuple[int, int] | None:
    """Return which bytes went out, from the first up to the last, or None; never more than the ticket was for."""
    sent_bytes = int(sent) if _NUMBER.fullmatch(sent) else 0
    first = {"200": 0, "206": ticket.first}.get(status)
    if first is None or not sent_bytes:
        return None
    return first, min(first + sent_bytes, ticket.end)


def _read(text: str, sha256: str, within_s: float) -> Ticket:
    ticket = nginx.read(text, sha256, within_s) if settings.NGINX_SENDS_FIRMWARE else None
    if ticket is None:
        raise Refused("not_found", "There is nothing here.")
    return ticket


def _open_all(tickets: list[Ticket]) -> list[download.Image | Exception]:
    found = tokens.find_targets_by_key([ticket.target for ticket in tickets])
    answers: list[download.Image | Exception] = []
    for ticket in tickets:
        target = found.get(ticket.target)
        try:
            if target is None or target.rollout.firmware.sha256 != ticket.sha256:
                raise Refused("not_found", "There is no such download any more; ask for the update again.")
            answers.append(download.open_image(target))
        except Exception as error:
            # What goes wrong with one is not its neighbours' affair.
            answers.append(error)
    return answers


def _find_all(keys: list[int]) -> list[RolloutTarget | None]:
    found = tokens.find_targets_by_key(keys)
    return [found.get(key) for key in keys]


def answer_at_once(data: bytes) -> bytes | None:
    """Return the answer to a whole request that needs no application: a report, or one for which there is no place."""
    return take_report(data) or download.turn_away(data)


async def _pass_over(_sent_bytes: int) -> None:
    """Note nothing: this is nobody's download yet."""


_open = Batcher(_open_all)
_find = Batcher(_find_all, apart_s=0.25)
