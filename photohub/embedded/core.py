"""amqtt 0.12 inside the guard: its sessions, subscriptions and wills; what it does badly is replaced.

Everything in this file that overrides amqtt was a loss or a leak when measured. The version is pinned for
that reason.
"""

import asyncio
import logging
import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import OutgoingApplicationMessage, Session

from devices.protocol.mqtt_packets import Kind
from devices.protocol.topics import filter_covers, matches

if TYPE_CHECKING:
    from photohub.embedded.guard import Connection

OUTBOX_MAX_BYTES = 16 * 2**20
SESSION_KEEP_S = 24 * 3600
SESSION_SWEEP_S = 60.0
INFLIGHT_MAX = 500
INFLIGHT_MAX_BYTES = 32 * 2**20

Message = OutgoingApplicationMessage


class PacketPipe(ReaderAdapter):
    """What amqtt reads: whole packets, each of which the guard has seen."""

    def __init__(self) -> None:
        self._packets: asyncio.Queue[bytes] = asyncio.Queue(maxsize=16)
        self._packet = b""
        self._offset = 0
        self._ended = False

    async def put(self, packet: bytes) -> None:
        await self._packets.put(packet)

    async def end(self) -> None:
        await self._packets.put(b"")

    async def read(self, n: int = -1) -> bytes:
        if self._offset >= len(self._packet) and not self._ended:
            # amqtt handles each packet in a task of its own and throws unstarted ones away at the end of the
            # stream. So the previous packet's task gets its turn before the next packet, or the end, is
            # shown.
            await asyncio.sleep(0)
            self._packet, self._offset = await self._packets.get(), 0
            self._ended = not self._packet
        piece = self._packet[self._offset :] if n < 0 else self._packet[self._offset : self._offset + n]
        self._offset += len(piece)
        return piece

    def feed_eof(self) -> None:
        """Do nothing: the guard alone knows when the stream ends."""


class Outbox(WriterAdapter):
    """What amqtt writes to: it never waits, so a client that does not read holds nobody but itself."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self.backlog_bytes = 0
        self._packets: deque[bytes] = deque()
        self._filled = asyncio.Event()

    def write(self, data: bytes) -> None:
        packet = bytes(data)
        kind = packet[0] >> 4
        if kind == Kind.SUBACK:
            packet = self.connection.complete_suback(packet)
        self._packets.append(packet)
        self.backlog_bytes += len(packet)
        self._filled.set()
        if kind == Kind.CONNACK:
            self.connection.greeted(packet)

    def has_room(self) -> bool:
        return self.backlog_bytes < OUTBOX_MAX_BYTES

    def overflow(self) -> None:
        """End a client that takes messages and never acknowledges them."""
        self.connection.end("does not acknowledge")

    async def next(self) -> bytes:
        while not self._packets:
            self._filled.clear()
            await self._filled.wait()
        return self._packets.popleft()

    async def drain(self) -> None:
        """Do nothing: amqtt must not wait for a slow reader."""

    def get_peer_info(self) -> tuple[str, int]:
        return self.connection.peer, 0

    def get_ssl_info(self) -> ssl.SSLObject | None:
        return None

    async def close(self) -> None:
        """Do nothing: the guard closes the connection."""


class Handler(BrokerProtocolHandler):
    """amqtt's side of one connection, with a QoS 1 that loses nothing."""

    async def _handle_qos1_message_flow(self, app_message: Message) -> None:
        """Send, and keep the message with the session until it is acknowledged.

        amqtt waits five seconds for the PUBACK and then forgets the message, and forgets it at once when the
        connection breaks. Kept in the session it is sent again, marked as a duplicate, at the next connect.
        """
        self.session.inflight_out[app_message.packet_id] = app_message
        packet = app_message.build_publish_packet(dup=app_message.publish_packet is not None)
        app_message.publish_packet = packet
        await self._send_packet(packet)


class Core(Broker):
    """A broker without listeners that trusts whoever hands it a connection."""

    def __init__(self) -> None:
        super().__init__({"listeners": {"default": {"type": "external"}}, "plugins": {}})
        self._wildcards: set[str] = set()
        self._room = asyncio.Event()
        # Sessions for which messages wait while nobody is connected. Only the hub's: a command that reaches a
        # device late is worse than none, and the hub sends it again when the device listens.
        self.keeping: set[str] = set()
        self.dropped = 0

    # --- for the guard

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        await self.internal_message_broadcast(topic, payload, qos)

    async def wait_for_room(self, patience_s: float) -> None:
        """Hold a publisher back while the hub is behind; raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            while any(self._is_full(key) for key in self.keeping):
                self._room.clear()
                await self._room.wait()

    def acknowledge(self, key: str, packet_id: int) -> None:
        session = self._session(key)
        if session is not None:
            session.inflight_out.pop(packet_id, None)
            self._room.set()

    def filters_of(self, key: str) -> list[str]:
        return [
            topic_filter
            for topic_filter, members in self._subscriptions.items()
            if any(session.client_id == key for session, _qos in members)
        ]

    def withdraw(self, key: str, allowed: tuple[str, ...]) -> None:
        """End what a kept session subscribed to and its account may no longer read."""
        session = self._session(key)
        for topic_filter in self.filters_of(key):
            if not any(filter_covers(right, topic_filter) for right in allowed):
                self._del_subscription(topic_filter, session)

    async def release(self, key: str, keep_messages: bool) -> None:
        """Tidy up after a connection: a clean session ends with it, messages are kept for the hub only."""
        session = self._session(key)
        if session is None:
            return
        if session.clean_session:
            await self.drop(key)
        elif not keep_messages:
            session.inflight_out.clear()

    async def drop(self, key: str) -> None:
        self.keeping.discard(key)
        await self._cleanup_session(key)
        self._room.set()

    def offline_sessions(self, username: str) -> list[str]:
        """Return the account's sessions without a connection, the longest abandoned first."""
        idle = [
            (session.last_disconnect_time or 0, key)
            for key, (session, _handler) in self._sessions.items()
            if key.startswith(f"{username}/") and session.transitions.state == "disconnected"
        ]
        return [key for _time, key in sorted(idle)]

    def _session(self, key: str) -> Session | None:
        return self._sessions.get(key, (None, None))[0]

    def _is_full(self, key: str) -> bool:
        session = self._session(key)
        if session is None:
            return False
        waiting = session.inflight_out.values()
        return (
            len(waiting) >= INFLIGHT_MAX
            or sum(len(message.data) for message in waiting) >= INFLIGHT_MAX_BYTES
        )

    # --- instead of amqtt

    async def _authenticate(self, session: Session, _: Any) -> bool:
        """Agree: the guard has asked already."""
        return True

    async def _topic_filtering(self, session: Session, topic: str, action: Any) -> bool:
        """Agree: the guard has looked. Waiting here would let the table change under amqtt's loops."""
        return True

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[Handler, Session]:
        _handler, session = await super()._initialize_client_session(
            reader, writer, remote_address, remote_port
        )
        return Handler(self.plugins_manager), session

    async def retain_message(self, *_ignored: Any, **_also: Any) -> None:
        """Keep nothing: amqtt hands retained messages to connections with no right to them."""

    async def _publish_retained_messages_for_subscription(self, *_ignored: Any) -> None:
        """Do nothing, as nothing is retained."""

    async def _broadcast_message(
        self, session: Session | None, topic: str, data: bytes, force_qos: int | None = None
    ) -> None:
        """Hand one message to all who listen, at once and in order, at the lower of both QoS.

        amqtt queues it, sends it at the subscriber's QoS whatever the publisher's was, runs a task per
        receiver without limit, and walks the subscriptions while they change. Nothing here waits: an outbox
        takes it all.
        """
        payload = bytes(data or b"")
        for target, qos in self._listeners(topic).values():
            await self._deliver(target, topic, payload, min(qos, force_qos or 0))

    def _listeners(self, topic: str) -> dict[str, tuple[Session, int]]:
        """Find who listens, each client once, with the best QoS of its matching filters."""
        filters = [topic_filter for topic_filter in self._wildcards if matches(topic_filter, topic)]
        found: dict[str, tuple[Session, int]] = {}
        for topic_filter in [topic, *filters]:
            for session, qos in self._subscriptions.get(topic_filter, ()):
                known_qos = found[session.client_id][1] if session.client_id in found else 0
                found[session.client_id] = (session, max(qos, known_qos))
        return found

    async def _deliver(self, session: Session, topic: str, payload: bytes, qos: int) -> None:
        key = session.client_id
        if session.transitions.state == "connected":
            handler = self._sessions[key][1]
            has_room = handler.writer.has_room()
            if not qos and not has_room:
                self.dropped += 1
            elif qos and key not in self.keeping and (not has_room or self._is_full(key)):
                handler.writer.overflow()
            else:
                await handler.mqtt_publish(topic, payload, qos, retain=False)
        elif qos and key in self.keeping:
            packet_id = session.next_packet_id
            session.inflight_out[packet_id] = Message(packet_id, topic, qos, payload, False)

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        """Subscribe, or change the QoS of a subscription, which amqtt forgets to do."""
        topic_filter = subscription[0]
        self._del_subscription(topic_filter, session)
        code = await super().add_subscription(subscription, session)
        if "+" in topic_filter or "#" in topic_filter:
            self._wildcards.add(topic_filter)
        return code

    def _del_subscription(self, a_filter: str, session: Session) -> int:
        """Unsubscribe, and forget a filter that nobody uses, or each new one would stay for ever."""
        deleted = super()._del_subscription(a_filter, session)
        if not self._subscriptions.get(a_filter):
            self._subscriptions.pop(a_filter, None)
            self._wildcards.discard(a_filter)
        return deleted

    async def _del_all_subscriptions(self, session: Session) -> None:
        for topic_filter in self.filters_of(session.client_id):
            self._del_subscription(topic_filter, session)

    async def _session_monitor(self) -> None:
        """Forget sessions nobody came back to for a day.

        amqtt's own monitor lists the sessions first and ends them later, after some have been connected
        again.
        """
        while True:
            await asyncio.sleep(SESSION_SWEEP_S)
            for key in list(self._sessions):
                session = self._session(key)
                left_at = session.last_disconnect_time if session else None
                if left_at is not None and left_at < time.time() - SESSION_KEEP_S:
                    await self.drop(key)


def quiet_amqtt() -> None:
    """Keep amqtt's tale of every vanished peer out of the log; the guard reports what matters."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.WARNING)
