"""Take a file in pieces over MQTT, with resume, without I/O. The topics are those of `topics.FileTopic`.

    …/init              {"name": str ≤ 240 bytes, "size"?: int, "checksum"?: sha256 hex,
                         "expire_at"?: unix seconds, "segments_ttl"?: seconds, "user_data"?: anything}
    …/<offset>[/<sha256 of this piece>]     bytes, in any order, again as often as one likes
    …/fin/<size>[/<sha256 of the file>]     empty
    …/abort                                 empty

Every step is answered on …/response with the asynchronous form of EMQX's file transfer:

    {"vsn": "0.1", "topic": <of the step>, "packet_id": 0, "reason_code": n, "reason_description": text}

`packet_id` is 0 because a broker stands between. `missing` is added where it helps: [[from, to], …], `to`
exclusive, at most 8. Reason codes: 0 taken · 16 unknown transfer, begin again with init · 128 send this piece
again (fin: what is missing) · 131 give up, it cannot succeed · 151 wait, the hub has no room.
"""

import hashlib
import json
import re
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Protocol

from devices.protocol import topics
from devices.protocol.json_fields import NotJson, read_json
from devices.protocol.topics import FileStep, FileTopic

MAX_INIT_BYTES = 4096
MAX_NAME_BYTES = 240
MAX_RANGES = 1024
MISSING_TOLD = 8

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Reason(IntEnum):
    """What the device is told to do."""

    OK = 0x00
    RESEND_ALL = 0x10
    RESEND = 0x80
    CANCEL = 0x83
    PAUSE = 0x97


class NoRoom(Exception):
    """The storage cannot take more just now."""


class Storage(Protocol):
    """Where pieces wait. Keys are (device code, file id); `write` may raise NoRoom."""

    def write(self, key: tuple[str, str], offset: int, data: bytes) -> None:
        """Keep a piece; a later one wins where two overlap."""

    def read(self, key: tuple[str, str], size_bytes: int) -> bytes:
        """Return the first bytes of the file."""

    def drop(self, key: tuple[str, str]) -> None:
        """Forget the file, if there is one."""


class MemoryStorage:
    """Pieces in memory, all transfers together within `limit_bytes`."""

    def __init__(self, limit_bytes: int = 64 * 2**20) -> None:
        self._limit_bytes = limit_bytes
        self._files: dict[tuple[str, str], bytearray] = {}
        self.held_bytes = 0

    def write(self, key: tuple[str, str], offset: int, data: bytes) -> None:
        file = self._files.get(key, bytearray())
        grown = max(0, offset + len(data) - len(file))
        if self.held_bytes + grown > self._limit_bytes:
            raise NoRoom
        self.held_bytes += grown
        self._files[key] = file
        file.extend(bytes(grown))
        file[offset : offset + len(data)] = data

    def read(self, key: tuple[str, str], size_bytes: int) -> bytes:
        return bytes(self._files.get(key, b"")[:size_bytes])

    def drop(self, key: tuple[str, str]) -> None:
        self.held_bytes -= len(self._files.pop(key, b""))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device and one file may cost."""

    file_bytes: int = 10 * 2**20
    transfers_per_device: int = 2
    idle_s: float = 3600.0
    longest_s: float = 24 * 3600.0
    # Behind this silence a transfer makes room for one that goes on.
    asleep_s: float = 60.0
    remembered: int = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What to publish to the device, at QoS 1; `reason` and `sentence` stand in the payload as well."""

    topic: str
    payload: bytes
    reason: Reason = Reason.OK
    sentence: str = ""
    # The sentence without its values, and these, for whoever says it in another language.
    text: str = ""
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completed:
    """A whole file. Store it, then call `settle`, which makes the answer."""

    code: str
    id: str
    name: str
    data: bytes
    sha256: str
    user_data: Any = None


Outcome = Answer | Completed | None


@dataclass(slots=True)
class _Transfer:
    """One file on its way. `ranges` are the bytes that are here: sorted, apart, end exclusive."""

    init: bytes
    name: str
    size: int | None
    checksum: str
    user_data: Any
    idle_s: float
    ends_at_s: float
    heard_at_s: float
    ranges: list[tuple[int, int]] = field(default_factory=list)
    fin_topic: str = ""

    def add(self, start: int, end: int) -> bool:
        """Note that these bytes are here; False when that would make too many separate ranges."""
        before = bisect_left(self.ranges, start, key=lambda r: r[1])
        after = before
        while after < len(self.ranges) and self.ranges[after][0] <= end:
            start, end = min(start, self.ranges[after][0]), max(end, self.ranges[after][1])
            after += 1
        if after == before and len(self.ranges) >= MAX_RANGES:
            return False
        self.ranges[before:after] = [(start, end)]
        return True

    def missing(self, size: int) -> list[list[int]]:
        """Return the first gaps up to `size`."""
        gaps, position = [], 0
        for start, end in [*self.ranges, (size, size)]:
            if position < min(start, size):
                gaps.append([position, min(start, size)])
            position = max(position, end)
        return gaps[:MISSING_TOLD]


class _Refuse(Exception):
    """What a step is answered instead of success. `text` is translated for people (`tools/extract_translations.py`)."""

    def __init__(
        self, reason: Reason, text: str, missing: list[list[int]] | None = None, **values: object
    ) -> None:
        super().__init__(text % values if values else text)
        self.reason, self.text, self.missing, self.values = reason, text, missing, values


class ChunkedUploads:
    """All transfers of all devices. Times are unix seconds and are passed in; one thread at a time."""

    def __init__(self, storage: Storage, limits: Limits | None = None) -> None:
        self._storage = storage
        self._limits = limits or Limits()
        self._transfers: dict[tuple[str, str], _Transfer] = {}
        self._finished: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        return len(self._transfers)

    def handle(self, code: str, step: FileTopic, payload: bytes, now_s: float) -> Outcome:
        """Take one message of a device. None: nothing to say now. It never raises for what a device sends."""
        topic = topics.build_file(code, step)
        self.expire(now_s)
        try:
            if step.step is FileStep.INIT:
                return self._answer(topic, code, step.id, missing=self._init(code, step.id, payload, now_s))
            if step.step is FileStep.DATA:
                self._take(code, step, payload, now_s)
                return self._answer(topic, code, step.id)
            if step.step is FileStep.FIN:
                return self._finish(code, step, topic, now_s)
            if step.step is FileStep.ABORT:
                self._forget((code, step.id))
                return self._answer(topic, code, step.id)
        except _Refuse as refusal:
            answer = self._answer(topic, code, step.id, refusal.reason, str(refusal), refusal.missing)
            return replace(answer, text=refusal.text, values=refusal.values)
        return None

    def settle(
        self, code: str, id: str, reason: Reason = Reason.OK, sentence: str = "success"
    ) -> Answer | None:
        """Say how storing a Completed file went. OK and CANCEL end the transfer; else fin may come again."""
        transfer = self._transfers.get((code, id))
        if transfer is None or not transfer.fin_topic:
            return None
        topic, transfer.fin_topic = transfer.fin_topic, ""
        if reason in (Reason.OK, Reason.CANCEL):
            self._forget((code, id))
        if reason is Reason.OK:
            self._finished[code, id] = topic
            while len(self._finished) > self._limits.remembered:
                del self._finished[next(iter(self._finished))]
        return self._answer(topic, code, id, reason, sentence)

    def expire(self, now_s: float) -> list[tuple[str, str]]:
        """Forget transfers that nobody went on with, or whose own time is over; return their keys."""
        late = [
            key
            for key, transfer in self._transfers.items()
            if not transfer.fin_topic
            and (now_s > transfer.ends_at_s or now_s - transfer.heard_at_s > transfer.idle_s)
        ]
        for key in late:
            self._forget(key)
        return late

    # --- the steps

    def _init(self, code: str, id: str, payload: bytes, now_s: float) -> list[list[int]] | None:
        key = (code, id)
        known = self._transfers.get(key)
        if known is not None and known.init == payload:
            known.heard_at_s = now_s
            return known.missing(known.size) if known.size is not None and known.ranges else None
        transfer = self._read_init(payload, now_s)
        if known is not None and known.fin_topic:
            raise _Refuse(Reason.PAUSE, "The file with this ID is being stored right now.")
        others = sum(1 for device, other in self._transfers if device == code and other != id)
        if others >= self._limits.transfers_per_device:
            most = self._limits.transfers_per_device
            raise _Refuse(Reason.PAUSE, "At most %(most)s transfers at a time. Finish one first.", most=most)
        self._forget(key)
        self._finished.pop(key, None)
        self._transfers[key] = transfer
        return None

    def _read_init(self, payload: bytes, now_s: float) -> _Transfer:
        if len(payload) > MAX_INIT_BYTES:
            raise _Refuse(Reason.CANCEL, "init is longer than %(limit)s bytes.", limit=MAX_INIT_BYTES)
        try:
            given = read_json(payload, MAX_INIT_BYTES)
        except NotJson as error:
            raise _Refuse(Reason.CANCEL, "init is not JSON.") from error
        if not isinstance(given, dict):
            raise _Refuse(Reason.CANCEL, "init is not a JSON object.")
        name, size, checksum = given.get("name"), given.get("size"), given.get("checksum") or ""
        if not isinstance(name, str) or not 1 <= len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES:
            raise _Refuse(Reason.CANCEL, "init needs a name of 1 to %(limit)s bytes.", limit=MAX_NAME_BYTES)
        if size is not None and (type(size) is not int or size < 1):
            raise _Refuse(Reason.CANCEL, "The size in init is not a positive whole number.")
        self._check_size(size or 0)
        if not isinstance(checksum, str) or (checksum and not _SHA256.fullmatch(checksum)):
            raise _Refuse(Reason.CANCEL, "The checksum in init is not a SHA-256 in hexadecimal digits.")
        return _Transfer(
            init=payload,
            name=name,
            size=size,
            checksum=checksum.lower(),
            user_data=given.get("user_data"),
            idle_s=_number(given.get("segments_ttl"), self._limits.idle_s, self._limits.longest_s),
            ends_at_s=_number(given.get("expire_at"), float("inf"), now_s + self._limits.longest_s),
            heard_at_s=now_s,
        )

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limits.file_bytes:
            limit = self._limits.file_bytes
            raise _Refuse(Reason.CANCEL, "A file may have at most %(limit)s bytes.", limit=limit)

    def _find(self, code: str, id: str) -> _Transfer:
        transfer = self._transfers.get((code, id))
        if transfer is None:
            raise _Refuse(Reason.RESEND_ALL, "The hub does not know this transfer; begin again with init.")
        return transfer

    def _take(self, code: str, step: FileTopic, payload: bytes, now_s: float) -> None:
        transfer, start = self._find(code, step.id), step.number or 0
        end = start + len(payload)
        self._check_size(end)
        transfer.heard_at_s = now_s
        if not payload:
            raise _Refuse(Reason.RESEND, "The piece is empty.")
        if transfer.size is not None and end > transfer.size:
            raise _Refuse(
                Reason.CANCEL, "The piece extends beyond the file's %(size)s bytes.", size=transfer.size
            )
        if step.sha256 and hashlib.sha256(payload).hexdigest() != step.sha256:
            raise _Refuse(Reason.RESEND, "The piece does not match its checksum.")
        if transfer.fin_topic:
            raise _Refuse(Reason.PAUSE, "The file is being stored right now.")
        self._write((code, step.id), start, payload, now_s)
        if not transfer.add(start, end):
            raise _Refuse(Reason.PAUSE, "The pieces lie too far apart; fill the gaps first.")

    def _write(self, key: tuple[str, str], start: int, payload: bytes, now_s: float) -> None:
        """Keep a piece. Where there is no room, those go first that have been silent for longest."""
        asleep = sorted(
            (other.heard_at_s, name)
            for name, other in self._transfers.items()
            if name != key and not other.fin_topic and now_s - other.heard_at_s > self._limits.asleep_s
        )
        while True:
            try:
                self._storage.write(key, start, payload)
                return
            except NoRoom as error:
                if not asleep:
                    raise _Refuse(Reason.PAUSE, "The hub has no room for more pieces right now.") from error
                self._forget(asleep.pop(0)[1])

    def _finish(self, code: str, step: FileTopic, topic: str, now_s: float) -> Outcome:
        if (code, step.id) in self._finished and (code, step.id) not in self._transfers:
            return self._answer(topic, code, step.id)
        transfer, size = self._find(code, step.id), step.number or 0
        if transfer.fin_topic:
            return None  # It is being stored; `settle` will answer.
        transfer.heard_at_s = now_s
        if transfer.size not in (None, size) or size == 0:
            raise _Refuse(Reason.CANCEL, "The size in fin does not match the file.")
        self._check_size(size)
        if missing := transfer.missing(size):
            raise _Refuse(Reason.RESEND, "Some bytes are missing.", missing)
        data = self._storage.read((code, step.id), size)
        sha256 = hashlib.sha256(data).hexdigest()
        if any(wanted not in ("", sha256) for wanted in (step.sha256, transfer.checksum)):
            self._storage.drop((code, step.id))
            transfer.ranges = []
            raise _Refuse(
                Reason.RESEND, "The file does not match its checksum; send all of it again.", [[0, size]]
            )
        transfer.fin_topic = topic
        return Completed(code, step.id, transfer.name, data, sha256, transfer.user_data)

    def _forget(self, key: tuple[str, str]) -> None:
        self._transfers.pop(key, None)
        self._storage.drop(key)

    def _answer(
        self,
        topic: str,
        code: str,
        id: str,
        reason: Reason = Reason.OK,
        sentence: str = "success",
        missing: list[list[int]] | None = None,
    ) -> Answer:
        said: dict[str, Any] = {"vsn": "0.1", "topic": topic, "packet_id": 0}
        said |= {"reason_code": int(reason), "reason_description": sentence}
        if missing:
            said["missing"] = missing
        payload = json.dumps(said, separators=(",", ":")).encode()
        return Answer(topics.file_response(code, id), payload, reason, sentence)


def _number(given: Any, otherwise: float, at_most: float) -> float:
    """Return a number that a device may have given, within reason."""
    if type(given) not in (int, float) or not given > 0:
        return min(otherwise, at_most)
    return min(float(given), at_most) if given < 1e15 else at_most
