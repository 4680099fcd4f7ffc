"""Where the frames of every wire meet: the newest goes to viewers, and the policy's choice becomes captures.

`take` is for wires that live in the event loop (TCP, pull), `hear` and `hear_file` for MQTT messages, which
are handled in threads and acknowledged when these return: a picture that was chosen is durable by then.
"""

import asyncio
import hashlib
import logging
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from uuid import UUID

from django.utils import timezone

from devices.events import troubles
from devices.protocol.frames.http_pictures import BadlySent
from devices.protocol.frames.payload import FrameRefused, PartJoiner, read_frame
from devices.protocol.pictures.chunked_upload import Answer, ChunkedUploads, Completed, MemoryStorage, Reason
from devices.protocol.pictures.jpeg_end import SOI
from devices.protocol.topics import FileTopic
from devices.registry.models import Device
from media_pipeline.captures.models import Capture, Source
from media_pipeline.formats import images
from media_pipeline.intake import copies
from media_pipeline.intake.ingest import Receipt, Upload, committer
from media_pipeline.intake.refusal_notes import (
    ENDED_BY_PICTURE,
    FAULT,
    NOT_AGAIN,
    Looks,
    is_worth_noting,
    word_of,
)
from media_pipeline.live.latest_frame import Frames
from media_pipeline.picture_files.refusals import Refused
from photohub.lib.database.db import in_thread
from photohub.lib.log.throttling import Seldom
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding
from photohub.lib.pages.sentences import Said

from .policy import Chooser, build_upload, read_policy

log = logging.getLogger(__name__)

KNOWN_FOR_S = 5.0
STORED_WITHIN_S = 20.0
COPIED_WITHIN_S = 9.0
WAITING_AT_MOST = 8
PARTS_HELD_BYTES = 32 * 2**20
NAME_LIMIT = 128
SHOWN_AT_MOST_PIXELS = 4_000_000
# A live picture that waits for memory longer than this is old.
_DRAWN_WITHIN_S = 1.0
ENDED_BY_FRAME = tuple(refused.word for refused in (FrameRefused, *FrameRefused.__subclasses__()))
_FILE_WORDS = {Reason.CANCEL: "file_refused", Reason.PAUSE: "file_no_room"}


class FrameIntake:
    """One for each process that receives frames. `counters` tells what became of them."""

    def __init__(
        self,
        frames: Frames,
        *,
        find_device: Callable[[str], Device | None] | None = None,
        submit: Callable[[Upload], Future[Receipt]] = committer.submit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.chooser = Chooser()
        self.counters: Counter[str] = Counter()
        # Of several gateways: whether the device is moving, so that another one may hear the same messages.
        self.moves: Callable[[str], bool] | None = None
        self._frames = frames
        self._find_device = find_device or find_enabled
        self._submit = submit
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._known: dict[str, tuple[float, Device | None]] = {}
        self._tasks: dict[str, set[asyncio.Task]] = {}
        self._drawing: set[str] = set()
        self._joiners: dict[str, PartJoiner] = {}
        # Pictures in parts that could not be stored: the last part of each comes again, by itself.
        self._unstored: dict[str, tuple[int, int, bytes]] = {}
        self._uploads = ChunkedUploads(MemoryStorage())
        self._lock = threading.Lock()
        self._said = Seldom(clock=clock)
        self._looks, self._stored_looks = Looks(), Looks()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop in which the live pictures are kept, before any thread calls `hear`."""
        self._loop = loop

    def keep_next(self, code: str) -> None:
        """Make a capture of the device's next frame, whatever its policy."""
        self.chooser.keep_next(code, self._clock())

    def forget(self, code: str) -> None:
        """Drop what is remembered of a device that was switched off or removed."""
        self.chooser.forget(code)
        self._known.pop(code, None)
        self._unstored.pop(code, None)
        if not self._tasks.get(code):
            self._tasks.pop(code, None)

    # --- wires in the loop

    def take(self, code: str, picture: bytes, source: Source, address: str = "") -> None:
        """Take a frame. It never waits; captures that come faster than they are stored are dropped."""
        self._show(code, picture)
        self.counters["frames"] += 1
        arrived_s, known = self._clock(), self._known.get(code)
        if known is not None:
            if arrived_s - known[0] >= KNOWN_FOR_S:
                # Decided by what was known, so that a slow database holds up no stream.
                self._known[code] = (arrived_s, known[1])
                self._start(code, self._look_up(code))
            if not self._is_chosen(known[1], arrived_s):
                return
        if len(self._tasks.get(code, ())) >= WAITING_AT_MOST:
            self._count("dropped", code, "captures come faster than they can be stored")
            return
        device = known[1] if known else None
        self._start(code, self._keep(code, device, picture, source, address, arrived_s))

    def _show(self, code: str, picture: bytes) -> None:
        """Give viewers the picture; one that has to be drawn as a JPEG first is passed over while another is."""
        if picture.startswith(SOI):
            self._frames.put(code, picture)
        elif code not in self._drawing:
            self._drawing.add(code)
            self._start(code, self._draw(code, picture))

    async def _draw(self, code: str, picture: bytes) -> None:
        try:
            if (shown := await asyncio.to_thread(as_frame, picture)) is not None:
                self._frames.put(code, shown)
        finally:
            self._drawing.discard(code)

    def _start(self, code: str, work: Coroutine[None, None, object]) -> None:
        tasks = self._tasks.setdefault(code, set())
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _look_up(self, code: str) -> Device | None:
        try:
            device = await in_thread(self._find_device, code)
        except Exception as error:
            log.warning("The device %s could not be looked up: %s", code, error)
            return None
        self._known[code] = (self._clock(), device)
        return device

    async def drain(self) -> None:
        """Wait until every capture under way is stored or refused."""
        await asyncio.gather(*(task for tasks in self._tasks.values() for task in tasks))

    async def _keep(
        self, code: str, device: Device | None, picture: bytes, source: Source, address: str, arrived_s: float
    ) -> None:
        """Store a chosen frame; without a device, look it up and choose first."""
        try:
            if device is None:
                device = await self._look_up(code)
                if device is None or not self._is_chosen(device, arrived_s):
                    return
            flags = ("transport",) if isinstance(picture, BadlySent) else ()
            upload = await asyncio.to_thread(
                build_upload,
                device,
                picture,
                source,
                received_at=timezone.now(),
                address=address,
                flags=flags,
            )
            await asyncio.wrap_future(self._hand_in(upload))
            self.counters["captures"] += 1
            if self._stored_looks.is_due(device):
                await in_thread(troubles.over, device, *ENDED_BY_PICTURE)
        except Refused as refusal:
            self._count(refusal.word, code, refusal.sentence)
            if device is not None:
                await in_thread(self._note_refusal, device, refusal, NOT_AGAIN)
        except Exception as error:
            log.exception("A frame of %s could not be stored.", code)
            self.counters["failed"] += 1
            if device is not None:
                self._stored_looks.forget(device)
                await in_thread(troubles.note, device, FAULT, detail=type(error).__name__)

    def _hand_in(self, upload: Upload) -> Future[Receipt]:
        # A large body lies in a temporary file, which belongs to the committer until it has answered.
        submitted = self._submit(upload)
        submitted.add_done_callback(lambda _: upload.body.discard())
        return submitted

    def _is_chosen(self, device: Device | None, arrived_s: float) -> bool:
        return device is not None and self.chooser.chooses(
            device.code, read_policy(device.stream_policy), arrived_s
        )

    # --- MQTT, in threads

    def hear(
        self, device: Device, payload: bytes, part: int | None = None, *, repeated: bool = False
    ) -> Receipt | None:
        """Take a frame message. Raises Refused when the picture was chosen and should be sent again.

        `repeated`: the broker brought it before, so that the picture may be stored already.
        """
        try:
            picture = read_frame(payload).jpeg if part is None else self._join(device.code, part, payload)
        except FrameRefused as refusal:
            self._count(type(refusal).__name__, device.code, str(refusal))
            self._note(device, refusal.word, **refusal.values)
            return None
        if picture is None:
            return None
        if repeated and self._is_safe(device, part, payload, picture):
            self.counters["repeated"] += 1
            return None
        self.counters["frames"] += 1
        if self._looks.is_due(device):
            troubles.over(device, *ENDED_BY_FRAME)
        if self._loop is not None and (shown := as_frame(picture)) is not None:
            self._loop.call_soon_threadsafe(self._frames.put, device.code, shown)
        if not self._is_chosen(device, self._clock()):
            return None
        try:
            receipt = self._store(device, picture, repeated=repeated)
        except Exception:
            # The message comes again, and is chosen again then. Its other parts do not come again.
            self.chooser.keep_next(device.code, self._clock())
            if part is not None:
                self._keep_unstored(device.code, (part, hash(payload), picture))
            raise
        return receipt

    def _is_safe(self, device: Device, part: int | None, payload: bytes, picture: bytes) -> bool:
        """Tell whether a picture that comes again is stored. Raises Refused while it has to have a copy, and has none."""
        id = find_stored(device, picture)
        if id is None:
            return False
        try:
            copies.wait_in_thread(id, COPIED_WITHIN_S)
        except Refused:
            if part is not None:
                self._keep_unstored(device.code, (part, hash(payload), picture))
            raise
        return True

    def _join(self, code: str, part: int, payload: bytes) -> bytes | None:
        now_s = self._clock()
        with self._lock:
            *same, picture = self._unstored.pop(code, (0, 0, None))
            if picture is not None and same == [part, hash(payload)]:
                return picture
            for other, joiner in list(self._joiners.items()):
                if joiner.expire(now_s) or not joiner.held_bytes:
                    del self._joiners[other]
            held_bytes = sum(joiner.held_bytes for joiner in self._joiners.values())
            if held_bytes + len(payload) > PARTS_HELD_BYTES:
                raise FrameRefused("Too many frames come in parts at once.")
            return self._joiners.setdefault(code, PartJoiner()).add(part, payload, now_s)

    def _keep_unstored(self, code: str, last: tuple[int, int, bytes]) -> None:
        """Keep a picture whose last part comes again; the oldest give way, since a full disk may last."""
        with self._lock:
            self._unstored.pop(code, None)
            self._unstored[code] = last
            held_bytes = sum(len(picture) for _part, _hash, picture in self._unstored.values())
            while held_bytes > PARTS_HELD_BYTES:
                held_bytes -= len(self._unstored.pop(next(iter(self._unstored)))[2])

    def hear_file(self, device: Device, step: FileTopic, payload: bytes) -> Answer | None:
        """Take one step of a chunked upload; return what to publish to the device."""
        with self._lock:
            outcome = self._uploads.handle(device.code, step, payload, time.time())
        if not isinstance(outcome, Completed):
            if outcome is not None and (word := _FILE_WORDS.get(outcome.reason)):
                self._note(device, word, detail=Said(outcome.text, outcome.values))
            return outcome
        try:
            self._store(device, outcome.data, clean_name(outcome.name))
        except Refused as refusal:
            reason = Reason.PAUSE if refusal.status >= 500 or refusal.status == 429 else Reason.CANCEL
            return self._settle(outcome, reason, refusal.sentence)
        except Exception as error:
            log.exception("A file of %s could not be stored.", device.code)
            self._note(device, FAULT, detail=type(error).__name__)
            return self._settle(outcome, Reason.PAUSE, "The hub stumbled; send fin again.")
        troubles.over(device, *_FILE_WORDS.values())
        return self._settle(outcome, Reason.OK, "success")

    def _settle(self, completed: Completed, reason: Reason, sentence: str) -> Answer | None:
        with self._lock:
            return self._uploads.settle(completed.code, completed.id, reason, sentence)

    def _store(
        self, device: Device, picture: bytes, name: str = "", *, repeated: bool = False
    ) -> Receipt | None:
        submitted = None
        try:
            called = name or (copies.name_of_same(device, hash_of(picture)) if copies.are_awaited() else "")
            upload = build_upload(device, picture, Source.MQTT, received_at=timezone.now(), name=called)
            if (moves := self.moves) is not None and not name:
                upload = replace(upload, moves=lambda: repeated or moves(device.code))
            submitted = self._hand_in(upload)
            receipt = submitted.result(STORED_WITHIN_S)
            copies.wait_in_thread(receipt.id, COPIED_WITHIN_S)
        except TimeoutError as error:
            if submitted is not None:
                submitted.cancel()
            raise Refused("busy", "The hub is slow to store pictures just now; send it again.", 5) from error
        except Refused as refusal:
            self._count(refusal.word, device.code, refusal.sentence)
            ours = refusal.status >= 500
            if name or not ours:
                # Whoever handed in a frame is told what the hub could not do, tries again, and notes it when that ends.
                self._note_refusal(device, refusal)
            if name or ours:
                raise
            return None
        self.counters["captures"] += 1
        if self._stored_looks.is_due(device):
            troubles.over(device, *ENDED_BY_PICTURE)
        return receipt

    def _note_refusal(self, device: Device, refusal: Refused, again: Said | None = None) -> None:
        """Note it; what the inbox may still try again, it notes itself when it gives up, and `again` is None then."""
        if is_worth_noting(refusal) or again is not None:
            self._stored_looks.forget(device)
            troubles.note(device, word_of(refusal), **({"again": again} if again else {}))

    def _note(self, device: Device, word: str, **values: object) -> None:
        """Note on the device's page what was not taken. Call from a thread."""
        self._looks.forget(device)
        troubles.note(device, word, **values)

    def _count(self, word: str, code: str, sentence: str) -> None:
        """Count what was not taken, and say it in the log once a minute for each device."""
        self.counters[word] += 1
        if count := self._said.count(code):
            log.warning("A frame of %s was not taken: %s (%d so far)", code, sentence, count)


def as_frame(picture: bytes) -> bytes | None:
    """Return a picture as the JPEG that viewers of a live picture expect; None when it cannot be drawn."""
    if picture.startswith(SOI):
        return picture
    try:
        with decoding.room_for(picture, scaled=False, within_s=_DRAWN_WITHIN_S):
            return images.make_jpeg(picture, SHOWN_AT_MOST_PIXELS)
    except (images.ThumbnailFailed, memory.Crowded, memory.TooLarge):
        return None


def find_enabled(code: str) -> Device | None:
    """Return the device if it may send."""
    return Device.objects.filter(code=code, enabled=True).first()


def hash_of(picture: bytes) -> str:
    """Return the hash under which a capture is known."""
    return hashlib.sha256(picture).hexdigest()


def find_stored(device: Device, picture: bytes) -> UUID | None:
    """Return the capture of this device that these bytes are already."""
    rows = Capture.everything.filter(device=device, sha256=hash_of(picture))
    return rows.values_list("pk", flat=True).first()


def clean_name(raw: str) -> str:
    """Return a file's name as a label: printable, at most 128 characters."""
    text = unicodedata.normalize("NFC", raw)
    text = "".join(c for c in text if unicodedata.category(c)[0] != "C").strip()
    return text[:NAME_LIMIT] or "file"
