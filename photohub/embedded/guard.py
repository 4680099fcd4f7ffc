"""The guard of one MQTT connection: what a client sends is judged here before amqtt may see any of it."""

import asyncio
import logging
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devices.protocol.mqtt_packets import (
    SUBSCRIPTION_REFUSED,
    ConnackCode,
    Connect,
    Kind,
    Packet,
    PacketReader,
    ProtocolError,
    UnsupportedVersion,
    build_connect,
    build_subscribe,
    connack,
    parse_connect,
    parse_publish_topic,
    parse_subscribe,
    parse_unsubscribe,
    puback,
    suback,
)
from photohub.embedded.accounts import Account, ConnectionInfo, may_publish, may_subscribe
from photohub.embedded.core import Outbox, PacketPipe
from photohub.embedded.links import Link

if TYPE_CHECKING:
    from photohub.embedded.broker import EmbeddedBroker

log = logging.getLogger(__name__)

PINGRESP = b"\xd0\x00"

FIRST_PACKET_S = 5.0
AUTHENTICATE_S = 10.0
CONNECT_MAX_BYTES = 64 * 1024
CLIENT_ID_MAX = 256
SUBSCRIPTIONS_MAX = 100


class Refused(Exception):
    """End the connection: the client did what MQTT or this server does not allow."""

    def __init__(self, sentence: str, connack_code: int | None = None) -> None:
        super().__init__(sentence)
        self.connack_code = connack_code


class Connection:
    """One client, from its first byte to its last."""

    def __init__(self, broker: "EmbeddedBroker", link: Link) -> None:
        self.broker = broker
        self.link = link
        self.peer = link.peer
        self.account: Account | None = None
        self.client_id = ""
        self.key = ""
        self.since = datetime.now(UTC)
        self.packets_in = self.packets_out = self.denied = 0
        self.finished = asyncio.Event()
        self._greeted = asyncio.Event()
        self.outbox = Outbox(self)
        self._pipe = PacketPipe()
        self._reader = PacketReader(broker.max_packet_bytes)
        self._early: deque[Packet] = deque()
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._awaiting_suback: deque[list[tuple[str, int]]] = deque()
        self._keepalive_s = 0
        self._filters: set[str] = set()

    async def run(self) -> None:
        """Serve the connection until it ends; never raises."""
        reason = "never logged in"
        try:
            connect = await self._admit()
            reason = await self._serve(connect)
            await self.link.close()
        except Refused as refusal:
            log.info("MQTT connection from %s refused: %s", self.peer, refusal)
            reason = str(refusal)
            await self._refuse(refusal.connack_code)
        except (OSError, TimeoutError):
            reason = "the connection broke"
        except Exception:
            log.exception("MQTT connection from %s ended by an error of the server", self.peer)
        finally:
            self.link.abort()
            self.broker.forget(self, reason)
            self.finished.set()

    def end(self, reason: str) -> None:
        """Ask the connection to end; `finished` tells when it has."""
        if not self._ending.done():
            self._ending.set_result(reason)

    def info(self) -> ConnectionInfo:
        kind = self.account.kind if self.account else ""
        name = self.account.username if self.account else ""
        return ConnectionInfo(
            name, kind, self.client_id, self.peer, self.since, self.packets_in, self.packets_out, self.denied
        )

    # --- before the login

    async def _admit(self) -> Connect:
        """Read CONNECT, find the account, claim the client id; raises Refused with CONNACK's code."""
        try:
            async with asyncio.timeout(FIRST_PACKET_S):
                packet = await self._first_packet()
        except TimeoutError:
            raise Refused("no CONNECT within 5 seconds") from None
        except ProtocolError as error:
            raise Refused(str(error)) from None
        connect = self._parse_connect(packet)
        account = await self._authenticate(connect)
        connect = self._check_login(connect, account)
        self.account, self.client_id = account, connect.client_id
        # amqtt knows sessions by client id alone. With the account in front nobody can name another one's
        # session, and no account name holds a slash.
        self.key = f"{account.username}/{connect.client_id}"
        self._keepalive_s = connect.keepalive_s
        await self.broker.claim(self)
        return connect

    async def _first_packet(self) -> Packet:
        received_bytes = 0
        while not self._early:
            chunk = await self.link.read()
            if not chunk:
                raise Refused("closed before CONNECT")
            if not received_bytes and chunk[0] >> 4 != Kind.CONNECT:
                raise Refused("the first packet is not a CONNECT")
            received_bytes += len(chunk)
            self._early.extend(self._reader.feed(chunk))
            if not self._early and received_bytes > CONNECT_MAX_BYTES:
                raise Refused("the CONNECT is larger than 64 kB")
        first = self._early.popleft()
        if len(first.raw) > CONNECT_MAX_BYTES:
            raise Refused("the CONNECT is larger than 64 kB")
        return first

    def _parse_connect(self, packet: Packet) -> Connect:
        try:
            connect = parse_connect(packet.body)
        except UnsupportedVersion as error:
            raise Refused(str(error), ConnackCode.BAD_VERSION) from None
        except ProtocolError as error:
            raise Refused(str(error)) from None
        if len(connect.client_id) > CLIENT_ID_MAX or (not connect.client_id and not connect.clean_session):
            raise Refused("a client id is needed to keep a session", ConnackCode.BAD_CLIENT_ID)
        return connect

    async def _authenticate(self, connect: Connect) -> Account:
        try:
            async with asyncio.timeout(AUTHENTICATE_S):
                account = await self.broker.authenticate(connect, self.peer)
        except Exception as error:
            log.error("MQTT login from %s could not be checked: %r", self.peer, error)
            raise Refused("the login could not be checked", ConnackCode.UNAVAILABLE) from None
        if account is None:
            raise Refused(f"wrong user name or password ({connect.username!r})", ConnackCode.BAD_LOGIN)
        if "/" in account.username:
            raise Refused(f"the account name {account.username!r} holds a slash", ConnackCode.NOT_AUTHORISED)
        return account

    def _check_login(self, connect: Connect, account: Account) -> Connect:
        will = connect.will_topic
        if will is not None and not may_publish(account, will):
            raise Refused(f"{account.username} may not leave a will on {will!r}", ConnackCode.NOT_AUTHORISED)
        client_id = connect.client_id or f"anonymous-{secrets.token_hex(8)}"
        return replace(connect, client_id=client_id, will_qos=min(connect.will_qos, 1), will_retain=False)

    async def _refuse(self, code: int | None) -> None:
        with suppress(OSError, TimeoutError):
            if code is not None:
                await self.link.write(connack(code), self.broker.stall_s)
            await self.link.close()

    # --- after the login

    async def _serve(self, connect: Connect) -> str:
        """Run until one side ends, and return why."""
        # The secret and the keepalive stay here: amqtt needs neither. It speaks 3.1.1 only, whose packets are
        # those of 3.1 after the CONNECT.
        inward = replace(
            connect,
            protocol="MQTT",
            level=4,
            client_id=self.key,
            username=self.account.username,
            password=None,
            keepalive_s=0,
        )
        await self._pipe.put(build_connect(inward))
        inside = asyncio.create_task(self.broker.core.external_connected(self._pipe, self.outbox, "default"))
        reading = asyncio.create_task(self._read())
        sending = asyncio.create_task(self._send())
        try:
            done, _ = await asyncio.wait(
                {inside, reading, sending, self._ending}, return_when=asyncio.FIRST_COMPLETED
            )
            return self._reason(done, inside)
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            await self._leave_core(inside)
            sending.cancel()
            await asyncio.gather(reading, sending, return_exceptions=True)

    def _reason(self, done: set[asyncio.Future[Any]], inside: asyncio.Task[None]) -> str:
        if self._ending in done:
            return self._ending.result()
        for task in done - {inside}:
            return task.result()
        return "the broker ended it"

    async def _leave_core(self, inside: asyncio.Task[None]) -> None:
        """Let amqtt see the end of the stream, which makes it publish the will."""
        try:
            async with asyncio.timeout(5):
                await self._pipe.end()
                await asyncio.wait({inside})
        except TimeoutError:
            log.warning("amqtt did not let go of %s within 5 seconds", self.key)
        inside.cancel()
        await asyncio.gather(inside, return_exceptions=True)
        await self.broker.release(self)

    async def _read(self) -> str:
        # Half as much again as the client promised (MQTT-3.1.2-24). A client which promises nothing may be
        # silent for ever, as umqtt is by default: whether it still exists is left to TCP keepalive and to
        # WebSocket pings.
        patience_s = self._keepalive_s * 1.5 or None
        # A client may send on without waiting for the CONNACK, but that must be the first thing it hears.
        await self._greeted.wait()
        try:
            while True:
                while self._early:
                    packet = self._early.popleft()
                    self.packets_in += 1
                    await self._take(packet)
                    if packet.kind == Kind.DISCONNECT:
                        return "said goodbye"
                async with asyncio.timeout(patience_s):
                    chunk = await self.link.read()
                if not chunk:
                    return "the connection was closed"
                self._early.extend(self._reader.feed(chunk))
        except TimeoutError:
            return "silent for longer than its keepalive"
        except OSError:
            return "the connection broke"
        except (Refused, ProtocolError) as error:
            log.warning("MQTT client %s is disconnected: %s", self.key, error)
            return str(error)

    async def _send(self) -> str:
        patience_s = self.broker.hub_stall_s if self.account.kind == "hub" else self.broker.stall_s
        try:
            while True:
                packet = await self.outbox.next()
                await self.link.write(packet, patience_s)
                self.outbox.backlog_bytes -= len(packet)
                self.packets_out += 1
        except TimeoutError:
            log.warning(
                "MQTT client %s is disconnected: it took no byte for %s seconds", self.key, patience_s
            )
            return "does not read"
        except OSError:
            return "the connection broke"

    async def _take(self, packet: Packet) -> None:
        await self.broker.pace(self.account)
        if packet.kind == Kind.PUBLISH:
            await self._take_publish(packet)
        elif packet.kind == Kind.PUBACK:
            self.broker.core.acknowledge(self.key, int.from_bytes(packet.body[:2]))
        elif packet.kind == Kind.SUBSCRIBE:
            await self._take_subscribe(packet)
        elif packet.kind == Kind.UNSUBSCRIBE:
            self._filters.difference_update(parse_unsubscribe(packet.body)[1])
            await self._pipe.put(packet.raw)
        elif packet.kind == Kind.PINGREQ:
            self.outbox.write(PINGRESP)
        elif packet.kind == Kind.DISCONNECT:
            await self._pipe.put(packet.raw)
        else:
            raise Refused(f"a packet of type {packet.kind} has no place here")

    async def _take_publish(self, packet: Packet) -> None:
        topic, qos, _retain, packet_id, payload_offset = parse_publish_topic(packet)
        if qos == 2:
            # MQTT 3.1.1 has no way to refuse a QoS but to close. QoS 2 would promise exactly once, and
            # PhotoHub promises that nowhere; small clients use 0 and 1.
            raise Refused("QoS 2 is not served; publish with QoS 0 or 1")
        if may_publish(self.account, topic):
            await self.broker.publish(self, topic, packet.body[payload_offset:], qos)
        else:
            self.denied += 1
            self.broker.count_denied(self.account, topic)
        if qos == 1:
            # Also for a refused message: 3.1.1 cannot say no, and without an answer the client repeats it for
            # ever.
            self.outbox.write(puback(packet_id))

    async def _take_subscribe(self, packet: Packet) -> None:
        packet_id, wishes = parse_subscribe(packet.body)
        verdicts = [(wish, self._judge_filter(wish, qos)) for wish, qos in wishes]
        granted = [verdict for verdict in verdicts if verdict[1] != SUBSCRIPTION_REFUSED]
        if not granted:
            self.outbox.write(suback(packet_id, [SUBSCRIPTION_REFUSED] * len(verdicts)))
            return
        self._awaiting_suback.append(verdicts)
        await self._pipe.put(build_subscribe(packet_id, granted))

    def _judge_filter(self, topic_filter: str, qos: int) -> int:
        """Return the granted QoS (2 is served as 1, which SUBACK can say) or the refusal."""
        has_room = topic_filter in self._filters or len(self._filters) < SUBSCRIPTIONS_MAX
        if has_room and may_subscribe(self.account, topic_filter):
            self._filters.add(topic_filter)
            return min(qos, 1)
        self.denied += 1
        self.broker.count_denied(self.account, topic_filter)
        return SUBSCRIPTION_REFUSED

    # --- what amqtt answered

    def complete_suback(self, packet: bytes) -> bytes:
        """Put the refusals back between amqtt's answers, in the order of the request."""
        if not self._awaiting_suback:
            return packet
        verdicts = self._awaiting_suback.popleft()
        granted = sum(code != SUBSCRIPTION_REFUSED for _, code in verdicts)
        answers = iter(packet[-granted:])
        codes = [code if code == SUBSCRIPTION_REFUSED else next(answers) for _, code in verdicts]
        packet_id = int.from_bytes(packet[-granted - 2 : -granted])
        for (topic_filter, _), code in zip(verdicts, codes, strict=True):
            if code != SUBSCRIPTION_REFUSED:
                self.broker.tell_subscribed(self, topic_filter)
        return suback(packet_id, codes)

    def greeted(self, packet: bytes) -> None:
        """Note that amqtt accepted the connection, and which subscriptions a kept session brings along."""
        self._greeted.set()
        self.broker.tell_connected(self)
        session_present = packet[2] & 1
        if session_present:
            self._filters.update(self.broker.core.filters_of(self.key))
            for topic_filter in sorted(self._filters):
                self.broker.tell_subscribed(self, topic_filter)
