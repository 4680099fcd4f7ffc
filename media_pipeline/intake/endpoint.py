"""The HTTP upload endpoint: a small ASGI application in front of Django.

Django would spool the whole body to disk before asking who sends it, without limit or time-out. Here it goes
headers → identity → length and disk floor → body, hashed while it arrives → `ingest`. It decides nothing: it
translates HTTP to one `Upload` and the outcome back to one short JSON object (docs/protocol.md, "Upload").
"""

import asyncio
import contextlib
import logging
import time
from concurrent.futures import Future

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from devices.camera_settings import one_wake
from devices.keys import identity, logins
from devices.protocol import light
from devices.registry.models import Device
from media_pipeline.captures.models import Source
from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import STATUS, Refused
from photohub.lib import failpoints
from photohub.lib.database.db import in_thread
from photohub.lib.http.answer import begin, send_whole
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.proxies import network_address
from photohub.lib.http.rates import Buckets
from photohub.lib.http.scope import client_address
from photohub.lib.messaging import load, loop_calls, measures
from photohub.lib.network.site import base_url

from . import copies
from .body import Body
from .head import PATHS, Head, read_head
from .ingest import Receipt, Upload, committer
from .key_memory import KeyMemory
from .refusal_notes import FAULT, RefusalNotes

log = logging.getLogger(__name__)

_ANSWER_WITHIN_S = 7.5
# With the second copy; cameras wait for 10 s.
_COPIED_WITHIN_S = 9.0
_EXTENDED_WITHIN_S = 1.5
_FAILED_TRIES = FailedTries()
_DEVICES = Buckets(*settings.UPLOAD_RATE) if settings.UPLOAD_RATE else None
_ADDRESSES = Buckets(*settings.ADDRESS_RATE) if settings.ADDRESS_RATE else None


REFUSALS = measures.Count(
    "photohub_uploads_refused_total",
    "Uploads over HTTP that were refused, by the error word of the answer.",
    "reason",
    tuple(STATUS),
)

_keys = KeyMemory()
_notes = RefusalNotes()


def serves(path: str) -> bool:
    """Tell whether this path is the upload endpoint's."""
    return PATHS.match(path) is not None


async def application(scope: dict, receive, send) -> None:
    """Answer one upload. Every answer is one JSON object of at most 512 bytes with its length, errors included."""
    load.enter()
    request = _Request(scope, receive)
    try:
        receipt = await request.run()
        rest = None if request.body.was_read else request.body.read_rest
        body = _ok(receipt)
        if request.device is not None and request.device.one_wake:
            body = await request.extend(body, receipt)
        await _answer(send, 200, body, {"Connection": "close"} if rest else {}, rest)
        failpoints.hit("ingest.answered")
        await request.note_stored()
    except Refused as refusal:
        if request.device is not None:
            await _notes.note(request.device, refusal)
        await _refuse(send, refusal, request)
    except Exception as error:
        log.exception(
            "An upload failed in a way PhotoHub did not expect; the camera was asked to come again."
        )
        if request.device is not None:
            await _notes.tell(request.device, FAULT, detail=type(error).__name__)
        await _refuse(send, Refused("busy", "The hub stumbled; send the picture again.", 5), request)
    finally:
        load.leave()
        request.body.spool.discard()


class _Request:
    """One upload on its way: reads the wire, asks who it is, hands the picture in."""

    def __init__(self, scope: dict, receive) -> None:
        self._scope = scope
        self._address = client_address(scope)
        self._network_address = network_address(scope)
        self._started = time.monotonic()
        self.body = Body(receive)
        self.head: Head | None = None
        # Known as soon as the sender is: whose trouble a refusal is.
        self.device: Device | None = None

    async def run(self) -> Receipt:
        if self._scope["method"] != "POST":
            raise Refused("method", "Send the picture with POST.")
        if load.uploads() > settings.UPLOADS_AT_ONCE:
            raise Refused("busy", "Too many uploads at once; send the picture again.", 2)
        # Before anybody is looked up: a flood costs neither the database nor the disk anything.
        if _ADDRESSES and (wait_s := _ADDRESSES.take(self._address, time.monotonic())):
            raise Refused("rate", f"Too many uploads from your address; send again in {wait_s} s.", wait_s)
        head = self.head = read_head(self._scope, timezone.now())
        known = await self._identify(head)
        _check_room(head)
        await self.body.read(head)
        facts = await self.body.find_picture(head)
        upload = Upload(
            source=Source.HTTP,
            device=known.device,
            name=await self._name_of(head, known.device),
            body=self.body.spool,
            facts=facts,
            received_at=timezone.now(),
            captured_at=head.captured_at,
            command=known.command,
            key_id=known.key_id,
            sent_from=self._address,
            telemetry=head.telemetry,
        )
        return await self._store(upload)

    async def _name_of(self, head: Head, device: Device) -> str:
        if head.name is not None or not copies.are_awaited():
            return _label_of(head)
        try:
            same = await in_thread(copies.name_of_same, device, self.body.spool.sha256)
        except (DatabaseError, InterfaceError) as error:
            raise Refused("db", "The hub's database is away; send the picture again.", 5) from error
        return same or _label_of(head)

    async def note_stored(self) -> None:
        """Note on the device's page what was wrong with a picture that was stored, or that nothing is any more."""
        if self.head is None or self.device is None:
            return
        still = []
        if "clock" in self.head.flags:
            still.append("picture_clock")
            await _notes.tell(self.device, "picture_clock", said=self.head.captured_text)
        if self.body.pictures > 1:
            still.append("picture_several")
            await _notes.tell(self.device, "picture_several", count=self.body.pictures)
        await _notes.stored(self.device, *still)

    async def extend(self, answer: bytes, receipt: Receipt) -> bytes:
        """Add what the hub has for a camera that wakes seldom. The picture is safe: nothing here may cost its answer."""
        left_s = min(_EXTENDED_WITHIN_S, _ANSWER_WITHIN_S - self._taken_s())
        if self.device is None or left_s <= 0:
            return answer
        try:
            async with asyncio.timeout(left_s):
                return await in_thread(
                    one_wake.extend_answer,
                    answer,
                    self.device,
                    repeated=not receipt.new,
                    settings_version=self.head.settings_version if self.head is not None else None,
                )
        except Exception as error:
            log.warning(
                "A camera's answer goes without what waits for it (%r); it comes with the next.", error
            )
            return answer

    async def _identify(self, head: Head) -> identity.Known:
        known = _keys.get(head.key)
        if known is None:
            known = _keys.remember(head.key, await self._ask_who(head))
            if known is None:
                refusal = self._refusal_of_stranger(head)
                if refusal.word == "auth":
                    self.device = await self._whose(head)
                raise refusal
            _FAILED_TRIES.found(self._proof(head))
        self.device = known.device
        if not known.device.enabled:
            raise Refused("disabled", "This device is switched off at the hub.")
        if head.refusal is not None:
            raise head.refusal
        if head.name is None and not known.keyed:
            raise _no_name()
        if _DEVICES and (wait_s := _DEVICES.take(known.device.pk, time.monotonic())):
            raise Refused("rate", f"Too many pictures; send again in {wait_s} s.", wait_s)
        return known

    def _proof(self, head: Head) -> str:
        # Names are new each time, so a camera without a key is known by its address.
        return head.key or f"the camera at {self._address}"

    async def _ask_who(self, head: Head) -> identity.Known | None:
        if wait_s := _FAILED_TRIES.wait_s(self._address, self._proof(head)):
            raise Refused("rate", f"Too many failed tries; wait {wait_s} s.", wait_s)
        claim = identity.Claim(key=head.key, name=head.name or "", address=self._network_address)
        try:
            async with asyncio.timeout(2):
                return await in_thread(identity.identify, claim)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            raise Refused("db", "The hub's database is away; send the picture again.", 5) from error

    async def _whose(self, head: Head) -> Device | None:
        """Tell on whose page the refusal is to stand."""
        claim = identity.Claim(key=head.key, name=head.name or "", address=self._network_address)
        with contextlib.suppress(DatabaseError, InterfaceError, TimeoutError):
            async with asyncio.timeout(2):
                return await in_thread(logins.device_behind, claim)
        return None

    def _refusal_of_stranger(self, head: Head) -> Refused:
        if head.refusal is not None:
            return head.refusal
        if not head.key and head.name is None:
            return _no_name()
        if wait_s := _FAILED_TRIES.missed(self._address):
            return Refused("rate", f"Too many failed tries; wait {wait_s} s.", wait_s)
        if head.key:
            return Refused(
                "auth",
                "The hub does not know this key, or it was revoked. Make a new one on the device's page.",
            )
        return Refused("auth", "The hub did not issue this picture name, and no key came with it.")

    async def _store(self, upload: Upload) -> Receipt:
        if upload.command is not None and upload.command.answered_sha256 not in ("", upload.body.sha256):
            raise Refused("auth", "This picture name was already used; ask for a new one.")
        # From here on the body is the committer's, also when this task is cancelled because the hub stops: a body
        # that was let go too early would be stored empty, and the camera's next try be told that it is safe.
        spool = self.body.hand_over()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Receipt] = loop.create_future()
        is_slow = self._slow_body()
        left_s = max(0.5, _ANSWER_WITHIN_S - self._taken_s()) if not is_slow else 3.0
        # Handed in last: the thread that is woken by it and this one would hold each other up.
        submitted = committer.submit(upload)
        submitted.add_done_callback(lambda done: _hand_over(done, spool, answer))
        patience = loop.call_later(left_s, _give_up, answer)
        try:
            with load.storing():
                receipt = await answer
        finally:
            patience.cancel()
            # Nobody waits for the answer any more: what still waits to be stored need not be.
            submitted.cancel()
        await copies.wait(receipt.id, max(0.5, _COPIED_WITHIN_S - self._taken_s()) if not is_slow else 3.0)
        return receipt

    def _taken_s(self) -> float:
        return time.monotonic() - self._started

    def _slow_body(self) -> bool:
        return self._taken_s() > _ANSWER_WITHIN_S - 1


def _hand_over(done: Future, spool: store.Spool, answer: asyncio.Future) -> None:
    """Wake the endpoint and let go of the body, from the committer's thread."""
    with contextlib.suppress(RuntimeError):  # The loop has ended, and the camera's connection with it.
        loop_calls.call(answer.get_loop(), _answer_with, done, answer)
    spool.discard()


def _give_up(answer: asyncio.Future) -> None:
    # It may be stored after all: the camera's next try then gets "dup".
    if not answer.done():
        sentence = "The hub is slow to store pictures just now; send it again."
        answer.set_exception(Refused("busy", sentence, 5))


def _answer_with(done: Future, answer: asyncio.Future) -> None:
    if answer.done():
        return
    if done.cancelled():
        answer.cancel()
    elif error := done.exception():
        answer.set_exception(error)
    else:
        answer.set_result(done.result())


def _check_room(head: Head) -> None:
    if why := here.why_not():
        raise Refused("busy", f"The hub takes no pictures here: {why}; send the picture again.", 2)
    if store.free_bytes() < settings.DISK_FLOOR_BYTES + (head.length or 0):
        raise Refused("disk_full", "The hub's disk is full; free some space and send again.", 60)


def _label_of(head: Head) -> str:
    if head.name is not None:
        return head.name
    return f"{timezone.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _no_name() -> Refused:
    return Refused("no_name", "Name-Pic is not exist")


def _ok(receipt: Receipt) -> bytes:
    return light.encode_ok(url=f"{base_url()}/p/{receipt.code}", id=str(receipt.id), dup=not receipt.new)


async def _refuse(send, refusal: Refused, request: _Request) -> None:
    REFUSALS.add(refusal.word)
    named = {}
    if refusal.retry_after_s:
        named["Retry-After"] = str(refusal.retry_after_s)
    if refusal.word == "method":
        named["Allow"] = "POST"
    rest = None
    if not request.body.was_read:
        named["Connection"] = "close"
        rest = request.body.read_rest
    await _answer(send, refusal.status, light.encode_error(refusal.sentence, refusal.word), named, rest)


async def _answer(send, status: int, body: bytes, named: dict[str, str] | None = None, rest=None) -> None:
    named = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (named or {})
    if rest is None and send_whole(send, status, named, body):
        return
    try:
        await begin(send, status, named)
        if rest is not None:
            # The answer goes out now. Closing on a camera that is still sending would reset the connection, and
            # many clients then never see the answer that waits for them.
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await rest()
            body = b""
        await send({"type": "http.response.body", "body": body})
    except OSError:
        pass  # The camera left; a repeated upload gets the same answer.
