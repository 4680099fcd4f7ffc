"""The plain download: `GET` or `HEAD /ota/f/<token>`, the address that offers name.

The token opens one image for one device while its update goes on; a device that shows its key as well must be that
device. Bytes come from memory, proved, or from nginx, which got them from there. Headers of an image besides those of HTTP:

    Repr-Digest: sha-256=:<base64>:       of the whole image, whatever part is sent (RFC 9530)
    X-MD5: <hex>
    X-Signature: <key id>:<base64>        Ed25519 over the image's manifest, which /api/v1/ota/check tells
"""

import asyncio
import base64
import logging
import re
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from devices.firmware import images
from devices.firmware.errors import FirmwareError
from devices.firmware.models import Firmware
from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import RolloutTarget
from devices.keys import identity
from devices.protocol.firmware.byte_ranges import RangeDecision, decide_range
from devices.protocol.firmware.manifest import key_id
from photohub.lib.database.batching import Batcher
from photohub.lib.database.db import in_thread
from photohub.lib.http.answer import begin

from .call import Call, Refused, note_found, refusal_of, refuse_guesser, whole_refusal
from .transfer import nginx, tokens
from .transfer.sending import Places, Progress, send_image

log = logging.getLogger(__name__)

# Of this endpoint and of that for the Arduino cores' updaters, which take a place before they look anything up.
_ASKED = (b"GET /ota/f/", b"GET /ota/esp/")
PATH = re.compile(r"^/ota/f/(?P<token>[A-Za-z0-9_-]{1,80})/?$")

UNCHANGED = {"Cache-Control": "no-store, no-transform"}
# Who has the whole image sooner is noted once, by its end.
BEGUN_AFTER_S = 2.0

places = Places()
# Of those who only ask here, because nginx sends: each for the time of one look-up.
asking = Places()
_progress = Progress()


@dataclass(frozen=True)
class Image:
    """An image that may go out to one device just now."""

    target: RolloutTarget
    data: bytes

    @property
    def firmware(self) -> Firmware:
        return self.target.rollout.firmware

    @property
    def etag(self) -> str:
        return f'"{self.firmware.sha256}"'

    def sent(self, first: int, end: int) -> "Sent":
        return Sent(self.target, len(self.data), first, end)


@dataclass(frozen=True)
class Sent:
    """Which bytes of an image went out: from `first` up to `end`. With none, they are nginx's to send."""

    target: RolloutTarget
    size_bytes: int
    first: int
    end: int


def path_of(token: str) -> str:
    return f"/ota/f/{token}"


async def answer(call: Call) -> None:
    """Answer one download."""
    call.allow("GET", "HEAD")
    if call.method == "HEAD":
        await _answer(call)
        return
    # Asked before anything is looked up: five hundred devices at once cost the database nothing.
    with place_for(call):
        sent = await _answer(call)
    await note(sent)


def place_for(call: Call) -> AbstractContextManager[None]:
    """Hold a place while a device asks and gets its bytes, or only asks. Raises Refused when all are taken."""
    return (asking if nginx.came_through(call) else places).one(settings.DOWNLOADS_AT_ONCE)


def turn_away(data: bytes) -> bytes | None:
    """Return the refusal for a whole request for an image that came while all places are taken, else None."""
    if max(places.taken, asking.taken) < settings.DOWNLOADS_AT_ONCE:
        return None
    its_own = asking if settings.NGINX_SENDS_FIRMWARE and nginx.MARK in data else places
    if its_own.taken < settings.DOWNLOADS_AT_ONCE:
        return None
    return whole_refusal(Places.refusal()) if data.startswith(_ASKED) and data.endswith(b"\r\n\r\n") else None


async def _answer(call: Call) -> Sent | None:
    opening = _open_parts if call.header("range") else _open_whole
    token = call.found["token"] or ""
    refuse_guesser(call.address, token)
    image = await opening.do((token, call.key))
    note_found(token)
    decision = decide_range(
        len(image.data),
        image.etag,
        method=call.method,
        wanted=call.header("range"),
        if_range=call.header("if-range"),
        if_none_match=call.header("if-none-match"),
    )
    return await send(call, image, decision, headers_of(image))


def open_all(asked: list[tuple[str, str]]) -> list[Image | Exception]:
    """Return what each token opens now for whoever shows this key with it, or none; or what it raised, mostly Refused."""
    found = tokens.find_targets([token for token, _key in asked])
    answers: list[Image | Exception] = []
    # Proved once for all who get the same image in this moment.
    proved: dict[UUID, bytes] = {}
    for token, key in asked:
        try:
            target = _find_open(found.get(token), key)
            firmware_id = target.rollout.firmware_id
            if firmware_id not in proved:
                proved[firmware_id] = open_image(target).data
            answers.append(Image(target, proved[firmware_id]))
        except Exception as error:
            # What goes wrong with one is not its neighbours' affair.
            answers.append(error)
    return answers


def _find_open(target: RolloutTarget | None, key: str) -> RolloutTarget:
    if target is None or not target.device.enabled:
        raise _no_such()
    if key:
        device = identity.find_device(key)
        if device is None or device.pk != target.device_id:
            raise _no_such()
    return target


def _no_such() -> Refused:
    return Refused("not_found", "There is no such download, or not any more; ask for the update again.")


def open_image(target: RolloutTarget) -> Image:
    """Return a target's image with its proved bytes. Raises Refused."""
    try:
        return Image(target, images.verified_bytes(target.rollout.firmware))
    except FirmwareError as error:
        raise refusal_of(error) from error


def headers_of(image: Image) -> dict[str, str]:
    """Return the headers that are the same for every part of an image."""
    firmware = image.firmware
    digest = base64.b64encode(bytes.fromhex(firmware.sha256)).decode()
    named = {
        "Content-Type": "application/octet-stream",
        "ETag": image.etag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-MD5": firmware.md5,
    }
    if firmware.signed and firmware.signing_key is not None:
        named["X-Signature"] = signature_of(firmware)
    return named


def signature_of(firmware: Firmware) -> str:
    """Return `<key id>:<base64 of the signature>` of a signed image."""
    if firmware.signing_key is None:
        raise ValueError("An image without a key has no signature.")
    raw = base64.b64encode(bytes(firmware.signature or b"")).decode()
    return f"{key_id(bytes.fromhex(firmware.signing_key.public_key))}:{raw}"


async def send(call: Call, image: Image, decision: RangeDecision, named: dict[str, str]) -> Sent | None:
    """Send the part that was decided on. Returns what went out, to be noted when the place is free again."""
    if decision.status == 304:
        await call.answer(304, named={"ETag": image.etag})
        return None
    if nginx.takes(call, image.firmware.sha256, image.etag, decision):
        own = {name: named[name] for name in ("X-Signature",) if name in named}
        await nginx.hand_over(call, image.target, image.firmware.sha256, decision, own)
        return image.sent(decision.first, decision.first)
    # Who came only to ask needs a place of those now who get their bytes from here.
    only_asked = nginx.came_through(call) and call.method == "GET"
    with places.one(settings.DOWNLOADS_AT_ONCE) if only_asked else nullcontext():
        return await _send_part(call, image, decision, named)


async def _send_part(call: Call, image: Image, decision: RangeDecision, named: dict[str, str]) -> Sent | None:
    named = named | {"Content-Length": str(decision.length_bytes)} | UNCHANGED
    if decision.content_range:
        named["Content-Range"] = decision.content_range
    call.begun = True
    await begin(call.send, decision.status, named)
    if call.method == "HEAD" or decision.length_bytes == 0:
        await call.send({"type": "http.response.body", "body": b""})
        return None

    async def on_the_way(sent_bytes: int) -> None:
        await note(image.sent(decision.first, decision.first + sent_bytes))

    part = memoryview(image.data)[decision.first : decision.last + 1]
    await send_image(call.send, call.receive, part, on_the_way)
    return image.sent(decision.first, decision.last + 1)


async def note(sent: Sent | None) -> None:
    """Write down how far a device is, at most once a second. That this fails is no reason to keep the image from it."""
    if sent is None:
        return
    target, size_bytes, end = sent.target, sent.size_bytes, sent.end
    try:
        if end == sent.first:
            _progress.begin(target.pk)
            await asyncio.sleep(BEGUN_AFTER_S)
            await _note_begun.do(target)
        elif not _progress.take(target.pk, (sent.first, end), size_bytes, target.percent, time.monotonic()):
            return
        elif end >= size_bytes:
            await _note_fetched.do(target)
        else:
            await in_thread(targets.note_download, target, end)
    except (DatabaseError, InterfaceError):
        log.warning("How far %s is with its download could not be noted.", target.device)


def _note_all_begun(begun: list[RolloutTarget]) -> list[None]:
    targets.note_all_downloading(begun)
    return [None] * len(begun)


def _note_all_fetched(fetched: list[RolloutTarget]) -> list[None]:
    targets.note_all_flashing(fetched)
    return [None] * len(fetched)


# Devices come together, as the rollout lets them. One that waits a moment for others has minutes of flashing before it,
# and a camera that wants to store a picture meanwhile finds the database and the interpreter free. But who fetches an
# image in blocks would wait before each.
_open_whole = Batcher(open_all, apart_s=0.05)
_open_parts = Batcher(open_all, apart_s=0.015)
_note_begun = Batcher(_note_all_begun, apart_s=0.5)
_note_fetched = Batcher(_note_all_fetched, apart_s=0.5)


def was_fetched(target: RolloutTarget) -> bool:
    """Tell whether this process has sent something of an image, or had it sent, though its row may not know yet."""
    return _progress.knows(target.pk)
