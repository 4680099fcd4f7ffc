"""What is on its way to one client: packets that wait for the socket, and messages that it has not acknowledged."""

import asyncio
from collections import deque
from collections.abc import Callable

from devices.protocol.mqtt.packets import build_publish_head
from photohub.lib.pages.sentences import Said, said

BACKLOG_MAX_BYTES = 16 * 2**20
UNACKNOWLEDGED_MAX = 500
# Of all clients together; this much of each passes also while others take all there is.
BACKLOGS_MAX_BYTES = 64 * 2**20
SMALL_BACKLOG_BYTES = 64 * 2**10
_SHARED_BYTES = 4096


class Backlogs:
    """What waits for all clients of a broker."""

    def __init__(self) -> None:
        self.size_bytes = 0


class Outgoing:
    """Filling it never waits, so a client that does not read holds nobody but itself."""

    def __init__(self, end: Callable[[Said], None], backlogs: Backlogs | None = None) -> None:
        self.backlog_bytes = 0
        self._backlogs = backlogs or Backlogs()
        self.dropped = 0
        self._end = end
        self._packets: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._unacknowledged: set[int] = set()
        self._last_packet_id = 0

    def put(self, packet: bytes) -> None:
        """Queue a packet."""
        self._packets.append(packet)
        self._count(len(packet))
        self._filled.set()

    async def next(self) -> bytes:
        """Wait for a packet; it counts as backlog until `sent`."""
        while not self._packets:
            self._filled.clear()
            await self._filled.wait()
        return self._packets.popleft()

    def sent(self, packet: bytes) -> None:
        """Note that the socket took it."""
        self._count(-len(packet))

    def drop(self) -> None:
        """Forget all: the connection is over."""
        self._packets.clear()
        self._count(-self.backlog_bytes)

    def _count(self, size_bytes: int) -> None:
        self.backlog_bytes += size_bytes
        self._backlogs.size_bytes += size_bytes

    @property
    def _has_room(self) -> bool:
        if self._backlogs.size_bytes >= BACKLOGS_MAX_BYTES:
            return self.backlog_bytes < SMALL_BACKLOG_BYTES
        return self.backlog_bytes < BACKLOG_MAX_BYTES

    def deliver(self, topic: str, payload: bytes, qos: int, *, retained: bool = False) -> None:
        """Queue a message. Without room one of QoS 0 is dropped; a client that acknowledges none of QoS 1 is ended."""
        if not qos and self._has_room:
            self._put_message(build_publish_head(topic, len(payload), retained=retained), payload)
        elif not qos:
            self.dropped += 1
        elif self._has_room and len(self._unacknowledged) < UNACKNOWLEDGED_MAX:
            packet_id = self._next_packet_id()
            self._unacknowledged.add(packet_id)
            head = build_publish_head(topic, len(payload), qos, packet_id, retained=retained)
            self._put_message(head, payload)
        else:
            self._end(said("it does not acknowledge"))

    def _put_message(self, head: bytes, payload: bytes) -> None:
        if len(payload) <= _SHARED_BYTES:
            self.put(head + payload)
            return
        # A large payload is held once, however many clients wait for it.
        self.put(head)
        self.put(payload)

    def acknowledged(self, packet_id: int) -> None:
        """Note a PUBACK."""
        self._unacknowledged.discard(packet_id)

    def _next_packet_id(self) -> int:
        while True:
            self._last_packet_id = self._last_packet_id % 65_535 + 1
            if self._last_packet_id not in self._unacknowledged:
                return self._last_packet_id
