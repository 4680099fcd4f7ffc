"""The HTTP upload door: a small ASGI application in front of Django.

Django would spool the whole body to disk before asking who sends it, without limit or time-out. Here it goes
headers → identity → length and disk floor → body, hashed while it arrives → `ingest`. It decides nothing: it
translates HTTP to one `Upload` and the outcome back to one short JSON object (docs/protocol.md, "Upload").
"""

import asyncio
import contextlib
import hmac
import logging
import re
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from devices import identity
from devices.protocol import light
from photohub.lib import failpoints, pressure
from photohub.lib.db import in_thread
from photohub.lib.http_scope import client_address, headers_of
from photohub.lib.rates import Buckets
from photohub.lib.site import base_url

from .. import images, store
from ..ingest import Receipt, Upload, committer
from ..models import Source
from ..refusals import Refused
from .headers import clean_name, read_md5, read_moment
from .key_memory import KeyMemory
from .multipart import MultipartBody

log = logging.getLogger(__name__)

PATHS = re.compile(r"^/(?:api/upload(?:/(?P<key>[^/]{1,200}))?|index\.php)/?$")
_ANSWER_WITHIN_S = 7.5
_REST_WITHIN_S = 2.0
_STRANGERS = Buckets(per_second=10, burst=50)
_DEVICES = Buckets(*settings.UPLOAD_RATE) if settings.UPLOAD_RATE else None
_ADDRESSES = Buckets(*settings.ADDRESS_RATE) if settings.ADDRESS_RATE else None


_keys = KeyMemory()


def serves(path: str) -> bool:
    """Tell whether this path is the upload door's."""
    return PATHS.match(path) is not None


async def application(scope: dict, receive, send) -> None:
    """Answer one upload. Every answer is one JSON object of at most 512 bytes with its length, errors included."""
    pressure.enter()
    request = _Request(scope, receive)
    try:
        receipt = await request.run()
        await _answer(send, 200, _ok(receipt))
        failpoints.hit("ingest.answered")
    except Refused as refusal:
        await _refuse(send, refusal, request)
    except _Gone:
        pass  # The camera left before its picture was whole; there is nobody to answer, and nothing is kept.
    except Exception:
        log.exception(
            "An upload failed in a way PhotoHub did not expect; the camera was asked to come again."
        )
        await _refuse(send, Refused("busy", "The hub stumbled; send the picture again.", 5), request)
    finally:
        pressure.leave()
        request.spool.discard()


class _Gone(Exception):
    """The sender closed the connection."""


@dataclass(frozen=True)
class _Head:
    """What the headers say, cleaned."""

    name: str | None
    key: str
    length: int | None
    telemetry: dict
    captured_at: datetime | None


class _Request:
    """One upload on its way: reads the wire, asks who it is, hands the picture in."""

    def __init__(self, scope: dict, receive) -> None:
        self._scope = scope
        self._receive = receive
        self._headers = headers_of(scope)
        self._address = client_address(scope)
        self._started = time.monotonic()
        self.spool = store.Spool()
        self.body_was_read = False

    async def run(self) -> Receipt:
        if self._scope["method"] != "POST":
            raise Refused("method", "Send the picture with POST.")
        if pressure.uploads() > settings.UPLOADS_AT_ONCE:
            raise Refused("busy", "Too many uploads at once; send the picture again.", 2)
        # Before anybody is looked up: a flood costs neither the database nor the disk anything.
        if _ADDRESSES and (wait_s := _ADDRESSES.take(self._address, time.monotonic())):
            raise Refused("rate", f"Too many uploads from your address; send again in {wait_s} s.", wait_s)
        head = self._read_head()
        known = await self._identify(head)
        self._check_room(head, known)
        multipart = await self._read_body()
        name = self._label(head, known, multipart)
        facts = self._inspect()
        upload = Upload(
            source=Source.HTTP,
            device=known.device,
            name=name,
            body=self.spool,
            facts=facts,
            received_at=timezone.now(),
            captured_at=head.captured_at,
            command=known.command,
            key_id=known.key_id,
            sent_from=self._address,
            telemetry=head.telemetry,
        )
        return await self._store(upload)

    def _read_head(self) -> _Head:
        for name in ("name-pic", "content-length", "authorization", "x-device-key"):
            if self._headers.get(name, "") is None:
                raise Refused(
                    "bad_name" if name == "name-pic" else "bad_request", f"Two {name} headers; send one."
                )
        return _Head(
            name=clean_name(self._headers.get("name-pic")),
            key=self._key(),
            length=self._length(),
            telemetry=self._telemetry(),
            captured_at=read_moment(self._headers.get("x-captured-at")),
        )

    def _key(self) -> str:
        bearer = self._headers.get("authorization") or ""
        if bearer[:7].lower() == "bearer ":
            return bearer[7:].strip()
        if self._headers.get("x-device-key"):
            return self._headers["x-device-key"].strip()
        match = PATHS.match(self._scope["path"])
        return unquote(match["key"] or "") if match else ""

    def _length(self) -> int | None:
        text = self._headers.get("content-length")
        if text is None:
            if "chunked" in (self._headers.get("transfer-encoding") or "").lower():
                return None
            raise Refused("empty_body", "The body is empty; send the picture's bytes with a Content-Length.")
        if not text.isascii() or not text.isdigit():
            raise Refused("bad_request", "Content-Length is not a number.")
        length = int(text)
        if length == 0:
            raise Refused("empty_body", "The body is empty; send the picture's bytes.")
        if length > settings.UPLOAD_MAX_BYTES + self._multipart_margin():
            raise _too_large()
        return length

    def _multipart_margin(self) -> int:
        return 16_384 if self._is_multipart() else 0

    def _is_multipart(self) -> bool:
        return (self._headers.get("content-type") or "").lower().startswith("multipart/form-data")

    def _telemetry(self) -> dict:
        named = {
            "battery_mv": "x-battery-mv",
            "rssi_dbm": "x-rssi",
            "free_heap_bytes": "x-free-heap",
            "firmware_version": "x-firmware-version",
        }
        return {field: self._headers[h] for field, h in named.items() if self._headers.get(h)}

    async def _identify(self, head: _Head) -> identity.Known:
        known = _keys.get(head.key) or _keys.remember(head.key, await self._ask_who(head))
        if known is None:
            self._refuse_stranger(head)
        if not known.device.enabled:
            raise Refused("disabled", "This device is switched off at the hub.")
        if head.name is None and not known.keyed:
            raise _no_name()
        if _DEVICES and (wait_s := _DEVICES.take(known.device.pk, time.monotonic())):
            raise Refused("rate", f"Too many pictures; send again in {wait_s} s.", wait_s)
        return known

    async def _ask_who(self, head: _Head) -> identity.Known | None:
        claim = identity.Claim(key=head.key, name=head.name or "", address=self._address)
        try:
            async with asyncio.timeout(2):
                return await in_thread(identity.identify, claim)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            raise Refused("db", "The hub's database is away; send the picture again.", 5) from error

    def _refuse_stranger(self, head: _Head) -> None:
        if not head.key and head.name is None:
            raise _no_name()
        if wait_s := _STRANGERS.take(self._address, time.monotonic()):
            raise Refused("rate", f"Too many failed tries; wait {wait_s} s.", wait_s)
        if head.key:
            raise Refused(
                "auth",
                "The hub does not know this key, or it was revoked. Make a new one on the device's page.",
            )
        raise Refused("auth", "The hub did not issue this picture name, and no key came with it.")

    def _check_room(self, head: _Head, known: identity.Known) -> None:
        if store.free_bytes() < settings.DISK_FLOOR_BYTES + (head.length or 0):
            raise Refused("disk_full", "The hub's disk is full; free some space and send again.", 60)

    async def _read_body(self) -> MultipartBody | None:
        content_type = self._headers.get("content-type") or ""
        multipart = MultipartBody(content_type, self.spool) if self._is_multipart() else None
        taker = multipart or self.spool
        received = 0
        limit = settings.UPLOAD_MAX_BYTES + self._multipart_margin()
        try:
            async with asyncio.timeout(settings.UPLOAD_TIMEOUT_S):
                more = True
                while more:
                    chunk, more = await self._next_chunk()
                    received += len(chunk)
                    if received > limit or self.spool.size_bytes > settings.UPLOAD_MAX_BYTES:
                        raise _too_large()
                    taker.write(chunk)
        except TimeoutError as error:
            raise Refused(
                "slow", f"The picture did not arrive within {settings.UPLOAD_TIMEOUT_S} s.", 5
            ) from error
        except OSError as error:
            raise store.refusal_of(error) from error
        self.body_was_read = True
        if multipart:
            multipart.finish()
        if not self.spool.size_bytes:
            raise Refused("empty_body", "The body is empty; send the picture's bytes.")
        if self.spool.size_bytes > settings.UPLOAD_MAX_BYTES:
            raise _too_large()
        return multipart

    async def _next_chunk(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        return message.get("body", b""), message.get("more_body", False)

    async def read_rest(self) -> None:
        """Read and forget what a refused sender still sends, for a little while."""
        left = settings.UPLOAD_MAX_BYTES
        with contextlib.suppress(TimeoutError, _Gone):
            async with asyncio.timeout(_REST_WITHIN_S):
                more = True
                while more and left > 0:
                    chunk, more = await self._next_chunk()
                    left -= len(chunk)

    def _label(self, head: _Head, known: identity.Known, multipart: MultipartBody | None) -> str:
        if head.name is not None:
            return head.name
        return f"{timezone.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"

    def _inspect(self) -> images.PictureFacts:
        self._check_hashes()
        body = self.spool.view()
        try:
            return images.inspect(body, max_pixels=settings.UPLOAD_MAX_PIXELS)
        except images.TooManyPixels as error:
            raise Refused("too_many_pixels", str(error)) from error
        except images.PictureRefused as error:
            raise Refused(
                "not_image", "The bytes are neither a JPEG nor a PNG nor a WebP picture."
            ) from error

    def _check_hashes(self) -> None:
        wanted = self._headers.get("x-content-sha256")
        if wanted and not hmac.compare_digest(wanted.strip().lower(), self.spool.sha256):
            raise Refused("hash_mismatch", "The bytes do not match X-Content-SHA256; send the picture again.")
        wanted = self._headers.get("content-md5")
        if wanted and not self._is_multipart() and read_md5(wanted) != self.spool.md5():
            raise Refused("hash_mismatch", "The bytes do not match Content-MD5; send the picture again.")

    async def _store(self, upload: Upload) -> Receipt:
        if upload.command is not None and upload.command.answered_sha256 not in ("", self.spool.sha256):
            raise Refused("auth", "This picture name was already used; ask for a new one.")
        # From here on the body is the committer's, also when this task is cancelled because the hub stops: a body
        # that was let go too early would be stored empty, and the camera's next try be told that it is safe.
        spool, self.spool = self.spool, store.Spool()
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        left_s = max(0.5, _ANSWER_WITHIN_S - self._taken_s()) if not self._slow_body() else 3.0
        # Handed in last: the thread that is woken by it and this one would hold each other up.
        submitted = committer.submit(upload)
        submitted.add_done_callback(lambda done: _hand_over(done, spool, answer))
        try:
            with pressure.storing():
                async with asyncio.timeout(left_s):
                    return await answer
        except TimeoutError as error:
            # It may be stored after all: the camera's next try then gets "dup".
            raise Refused("busy", "The hub is slow to store pictures just now; send it again.", 5) from error
        finally:
            # Nobody waits for the answer any more: what still waits to be stored need not be.
            submitted.cancel()

    def _taken_s(self) -> float:
        return time.monotonic() - self._started

    def _slow_body(self) -> bool:
        return self._taken_s() > _ANSWER_WITHIN_S - 1


def _hand_over(done: Future, spool: store.Spool, answer: asyncio.Future) -> None:
    """Wake the door and let go of the body, from the committer's thread."""
    with contextlib.suppress(RuntimeError):  # The loop has ended, and the camera's connection with it.
        answer.get_loop().call_soon_threadsafe(_answer_with, done, answer)
    spool.discard()


def _answer_with(done: Future, answer: asyncio.Future) -> None:
    if answer.done():
        return
    if done.cancelled():
        answer.cancel()
    elif error := done.exception():
        answer.set_exception(error)
    else:
        answer.set_result(done.result())


def _too_large() -> Refused:
    return Refused(
        "too_large",
        f"The picture is larger than {settings.UPLOAD_MAX_BYTES} bytes; lower its quality or size.",
    )


def _no_name() -> Refused:
    return Refused("no_name", "Name-Pic is not exist")


def _ok(receipt: Receipt) -> bytes:
    return light.encode_ok(url=f"{base_url()}/p/{receipt.code}", id=str(receipt.id), dup=not receipt.new)


async def _refuse(send, refusal: Refused, request: _Request) -> None:
    headers = []
    if refusal.retry_after_s:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    if refusal.word == "method":
        headers.append((b"allow", b"POST"))
    rest = None
    if not request.body_was_read:
        headers.append((b"connection", b"close"))
        rest = request.read_rest
    await _answer(send, refusal.status, light.encode_error(refusal.sentence, refusal.word), headers, rest)


async def _answer(
    send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None, rest=None
) -> None:
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *(headers or []),
    ]
    try:
        await send({"type": "http.response.start", "status": status, "headers": head})
        if rest is not None:
            # The answer goes out now. Closing on a camera that is still sending would reset the connection, and
            # many clients then never see the answer that waits for them.
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await rest()
            body = b""
        await send({"type": "http.response.body", "body": body})
    except OSError:
        pass  # The camera left; a repeated upload gets the same answer.
