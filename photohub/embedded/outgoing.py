"""What is on its way to one client: packets that wait for the socket, and messages that it has not acknowledged."""

import asyncio
from collections import deque
from collections.abc import Callable

from devices.protocol.mqtt_packets import build_publish

BACKLOG_MAX_BYTES = 16 * 2**20
UNACKNOWLEDGED_MAX = 500


class Outgoing:
    """Filling it never waits, so a client that does not read holds nobody but itself."""

    def __init__(self, end: Callable[[str], None]) -> None:
        self.backlog_bytes = 0
        self.dropped = 0
        self._end = end
        self._packets: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._unacknowledged: set[int] = set()
        self._last_packet_id = 0

    def put(self, packet: bytes) -> None:
        """Queue a packet."""
        self._packets.append(packet)
        self.backlog_bytes += len(packet)
        self._filled.set()

    async def next(self) -> bytes:
        """Wait for a packet; it counts as backlog until `sent`."""
        while not self._packets:
            self._filled.clear()
            await self._filled.wait()
        return self._packets.popleft()

    def sent(self, packet: bytes) -> None:
        """Note that the socket took it."""
        self.backlog_bytes -= len(packet)

    def deliver(self, topic: str, payload: bytes, qos: int) -> None:
        """Queue a message. Without room one of QoS 0 is dropped; a client that acknowledges none of QoS 1 is ended."""
        has_room = self.backlog_bytes < BACKLOG_MAX_BYTES
        if not qos and has_room:
            self.put(build_publish(topic, payload))
        elif not qos:
            self.dropped += 1
        elif has_room and len(self._unacknowledged) < UNACKNOWLEDGED_MAX:
            packet_id = self._next_packet_id()
            self._unacknowledged.add(packet_id)
            self.put(build_publish(topic, payload, qos, packet_id))
        else:
            self._end("does not acknowledge")

    def acknowledged(self, packet_id: int) -> None:
        """Note a PUBACK."""
        self._unacknowledged.discard(packet_id)

    def _next_packet_id(self) -> int:
        while True:
            self._last_packet_id = self._last_packet_id % 65_535 + 1
            if self._last_packet_id not in self._unacknowledged:
                return self._last_packet_id
