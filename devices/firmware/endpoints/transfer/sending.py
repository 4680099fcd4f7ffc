"""Sending an image to a device: so many at once, piece by piece, at the device's pace, giving way to cameras.

uvicorn keeps a piece until the device has taken the one before, so a slow device costs one piece of memory; the
image itself is shared by all who get it. A device that takes nothing for too long is cut off.
"""

import asyncio
import contextlib
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from photohub.lib.http.answer import transport_of, wait_for_leave
from photohub.lib.messaging import load

from ..call import Gone, Refused, busy

PIECE_BYTES = 128 * 1024
# Who takes a piece at once gets larger ones: each costs a turn of the loop.
LARGEST_PIECE_BYTES = 512 * 1024
_AT_ONCE_S = 0.05
# At least 4 kB/s, which the slowest flash and the weakest radio do; and at most a quarter of an hour.
PIECE_WITHIN_S = 30.0
WHOLE_WITHIN_S = 900.0
# While cameras come in numbers a piece waits so long at most: updaters give a silent server up after 5 s.
GIVE_WAY_S = 0.25
_LOOK_AGAIN_S = 0.02
_GOODBYE_WITHIN_S = 2.0
_UNSENT_AT_MOST_BYTES = 128 * 1024

Note = Callable[[int], Awaitable[None]]


class Places:
    """So many downloads at once in this process. Used from the loop only."""

    def __init__(self) -> None:
        self.taken = 0

    @staticmethod
    def refusal() -> Refused:
        """Say that all are taken."""
        return busy("Too many downloads at once; ask again later.")

    @contextmanager
    def one(self, at_most: int) -> Generator[None]:
        """Hold a place. Raises Refused when all are taken."""
        if self.taken >= at_most:
            raise self.refusal()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


async def send_image(send, receive, body: memoryview, note: Note) -> None:
    """Send a body whose headers are out already. `note` is told how much is gone, about once a second on the way.

    Raises Gone when the device left, or was cut off because it did not take its bytes.
    """
    _keep_unsent_small(send)
    leaving = asyncio.ensure_future(wait_for_leave(receive))
    try:
        async with asyncio.timeout(PIECE_WITHIN_S) as limit:
            await _send_pieces(send, leaving, body, note, limit)
    except (TimeoutError, OSError) as error:
        await _cut_off(send, leaving)
        raise Gone from error
    finally:
        leaving.cancel()


async def _send_pieces(
    send, leaving: asyncio.Future, body: memoryview, note: Note, limit: asyncio.Timeout
) -> None:
    clock = asyncio.get_running_loop().time
    whole_until_s, sent_bytes, noted_s = clock() + WHOLE_WITHIN_S, 0, clock()
    size_bytes = PIECE_BYTES
    while True:
        await _give_way()
        begun_s = clock()
        limit.reschedule(min(begun_s + PIECE_WITHIN_S, whole_until_s))
        piece = body[sent_bytes : sent_bytes + size_bytes]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        # A device that takes all at once must not keep the loop to itself, nor hide that it has left.
        await asyncio.sleep(0)
        if leaving.done():
            raise Gone
        # The empty piece at the end has waited until the last one was taken.
        if not piece:
            break
        sent_bytes += len(piece)
        taken_s = clock()
        size_bytes = (
            min(2 * size_bytes, LARGEST_PIECE_BYTES) if taken_s - begun_s < _AT_ONCE_S else PIECE_BYTES
        )
        if taken_s - noted_s >= NOTE_EVERY_S and sent_bytes < len(body):
            noted_s = taken_s
            await note(sent_bytes)
    await send({"type": "http.response.body", "body": b""})


async def _give_way() -> None:
    for _ in range(round(GIVE_WAY_S / _LOOK_AGAIN_S)):
        if not load.is_high():
            return
        await asyncio.sleep(_LOOK_AGAIN_S)


def _keep_unsent_small(send) -> None:
    """Let the system take few bytes before the device does, so that what is sent has nearly arrived."""
    transport = transport_of(send)
    own = transport.get_extra_info("socket") if transport is not None else None
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if own is not None and option is not None:
        with contextlib.suppress(OSError):
            own.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_AT_MOST_BYTES)


async def _cut_off(send, leaving: asyncio.Future) -> None:
    # A polite end would wait behind the bytes that the device does not take.
    transport = transport_of(send)
    if transport is not None:
        transport.abort()
        await asyncio.wait({leaving}, timeout=_GOODBYE_WITHIN_S)


NOTE_EVERY_S = 1.0
_REMEMBERED_AT_MOST = 10_000


class Progress:
    """What this process has sent to each device. Time is passed in; used from the loop only."""

    def __init__(self) -> None:
        self._sent: OrderedDict[object, tuple[int, float]] = OrderedDict()

    def take(self, key: object, part: tuple[int, int], size_bytes: int, percent: int, now_s: float) -> bool:
        """Take note that bytes from `part[0]` up to `part[1]` went out; tell whether the row should know now.

        `percent` is what the row knows. A glance at the end of a file that was never begun is no progress; but
        another process may have sent what lies between, so a gap of a quarter is none.
        """
        first, end = part
        reached_bytes, noted_s = self._sent.pop(key, (0, -NOTE_EVERY_S))
        known_bytes = max(reached_bytes, percent * size_bytes // 100)
        forward = first <= known_bytes + size_bytes // 4
        due = forward and (end >= size_bytes or now_s - noted_s >= NOTE_EVERY_S)
        self._sent[key] = (max(reached_bytes, end) if forward else reached_bytes, now_s if due else noted_s)
        while len(self._sent) > _REMEMBERED_AT_MOST:
            self._sent.popitem(last=False)
        return due

    def begin(self, key: object) -> None:
        """Take note that somebody else is sending."""
        self._sent.setdefault(key, (0, -NOTE_EVERY_S))
        while len(self._sent) > _REMEMBERED_AT_MOST:
            self._sent.popitem(last=False)

    def knows(self, key: object) -> bool:
        """Tell whether anything went out."""
        return key in self._sent
