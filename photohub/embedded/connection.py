"""One MQTT connection of the embedded broker: what a client sends is judged here before anybody else sees any of it."""

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from devices.protocol.mqtt.packets import (
    SUBSCRIPTION_REFUSED,
    ConnackCode,
    Connect,
    Kind,
    Packet,
    PacketReader,
    ProtocolError,
    PublishHead,
    build_packet,
    connack,
    parse_packet_id,
    parse_publish_head,
    parse_subscribe,
    parse_unsubscribe,
    puback,
    pubcomp,
    pubrec,
    suback,
    unsuback,
)
from photohub.broker.accounts import Account, ConnectionInfo, may_publish, may_subscribe
from photohub.embedded.answers import Answers
from photohub.embedded.core import Session
from photohub.embedded.links import Link
from photohub.embedded.outgoing import Outgoing
from photohub.embedded.receipts import Outcome, Receipt
from photohub.embedded.refusals import Refused, check_login, no_mqtt, read_connect
from photohub.lib.pages.sentences import Said, said

if TYPE_CHECKING:
    from photohub.embedded.broker import EmbeddedBroker

log = logging.getLogger(__name__)

PINGRESP = build_packet(Kind.PINGRESP, 0, b"")

FIRST_PACKET_S = 5.0
AUTHENTICATE_S = 10.0
CONNECT_MAX_BYTES = 64 * 1024
SUBSCRIPTIONS_MAX = 100
COSTS_ONE_BYTES = 500
WILL_S = 2.0
GOODBYE = said("the device ended it")


class Connection:
    """One client, from its first byte to its last."""

    def __init__(self, broker: "EmbeddedBroker", link: Link) -> None:
        self.broker = broker
        self.link = link
        self.peer = link.peer
        self.account: Account | None = None
        self.session: Session | None = None
        self.client_id = ""
        self.key = ""
        self.since = datetime.now(UTC)
        self._since_s = time.monotonic()
        self._is_well = False
        self.packets_in = self.packets_out = self.denied = 0
        self.finished = asyncio.Event()
        self.outgoing = Outgoing(self.cut, broker.backlogs)
        self._reader = PacketReader(broker.max_packet_bytes)
        self._early: deque[Packet] = deque()
        self._in_hand_bytes = 0
        self._ending: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._answers = Answers(self.outgoing.put, self.cut)

    @property
    def owner(self) -> Account:
        """Return the account that logged in."""
        if self.account is None:
            raise RuntimeError("Nobody has logged in on this connection.")
        return self.account

    @property
    def _opened(self) -> Session:
        if self.session is None:
            raise RuntimeError("No session is open on this connection.")
        return self.session

    async def run(self) -> None:
        """Serve the connection until it ends; never raises."""
        reason = said("never logged in")
        try:
            connect = await self._admit()
            reason = await self._serve(connect)
            await self.link.close()
        except Refused as refusal:
            log.info("MQTT connection from %s refused: %s", self.peer, refusal)
            reason = refusal.sentence
            if self.account is not None:
                self.broker.tell_refused(self.account, "mqtt_refused", detail=reason)
            await self._refuse(refusal.connack_code)
        except (OSError, TimeoutError):
            reason = said("the connection broke")
        except Exception:
            log.exception("MQTT connection from %s ended by an error of the server", self.peer)
        finally:
            self.link.abort()
            self.outgoing.drop()
            self.broker.forget(self, reason)
            self.finished.set()

    def end(self, reason: Said) -> None:
        """Ask the connection to end; `finished` tells when it has."""
        if not self._ending.done():
            self._ending.set_result(reason)

    def cut(self, reason: Said) -> None:
        """End the connection because its client does more than the server bears, or less than MQTT asks of it."""
        if not self._ending.done():
            self._tell_cut(reason)
            self.end(reason)

    def _tell_cut(self, reason: Said) -> None:
        log.warning("MQTT client %.300r is disconnected: %s", self.key, reason)
        if self.account is not None:
            self.broker.tell_refused(self.account, "mqtt_refused", detail=reason)

    def info(self) -> ConnectionInfo:
        kind = self.account.kind if self.account else ""
        name = self.account.username if self.account else ""
        return ConnectionInfo(
            name, kind, self.client_id, self.peer, self.since, self.packets_in, self.packets_out, self.denied
        )

    def turned_well(self, after_s: float) -> bool:
        """Tell once, when the connection is so old and was refused nothing."""
        if self._is_well or self.denied or time.monotonic() - self._since_s < after_s:
            return False
        self._is_well = True
        return True

    @property
    def held_bytes(self) -> int:
        """Tell how many bytes are held of packets that are not whole yet, or wait for room."""
        return self._reader.buffered_bytes + self._in_hand_bytes

    # --- before the login

    async def _admit(self) -> Connect:
        """Read CONNECT, find the account, claim the client id; raises Refused with CONNACK's code."""
        try:
            async with asyncio.timeout(FIRST_PACKET_S):
                packet = await self._first_packet()
        except TimeoutError:
            raise Refused(said("no CONNECT within 5 seconds")) from None
        except ProtocolError as error:
            raise Refused(no_mqtt(error)) from None
        connect = read_connect(packet)
        self.account = account = await self._authenticate(connect)
        connect = check_login(connect, account)
        self.client_id = connect.client_id
        # With the account in front nobody can name another one's session, and no account name holds a slash.
        self.key = f"{account.username}/{connect.client_id}"
        await self.broker.claim(self)
        return connect

    async def _first_packet(self) -> Packet:
        received_bytes = 0
        while not self._early:
            chunk = await self.link.read()
            if not chunk:
                raise Refused(said("closed before CONNECT"))
            if not received_bytes and chunk[0] >> 4 != Kind.CONNECT:
                raise Refused(said("the first packet is not a CONNECT"))
            received_bytes += len(chunk)
            self._early.extend(self._reader.feed(chunk))
            if not self._early and received_bytes > CONNECT_MAX_BYTES:
                raise Refused(said("the CONNECT is larger than 64 kB"))
        first = self._early.popleft()
        return first

    async def _authenticate(self, connect: Connect) -> Account:
        try:
            async with asyncio.timeout(AUTHENTICATE_S):
                account = await self.broker.authenticate(connect, self.peer)
        except Exception as error:
            log.error("MQTT login from %s could not be checked: %r", self.peer, error)
            raise Refused(said("the login could not be checked"), ConnackCode.UNAVAILABLE) from None
        if account is None:
            sentence = said("wrong user name or password (%(name)s)", name=f"{connect.username!r:.100}")
            raise Refused(sentence, ConnackCode.BAD_LOGIN)
        if "/" in account.username:
            sentence = said("the account name %(name)s holds a slash", name=f"{account.username!r:.100}")
            raise Refused(sentence, ConnackCode.NOT_AUTHORISED)
        return account

    async def _refuse(self, code: int | None) -> None:
        with suppress(OSError, TimeoutError):
            if code is not None:
                await self.link.write(connack(code), self.broker.stall_s)
            await self.link.close()

    # --- after the login

    async def _serve(self, connect: Connect) -> Said:
        """Run until one side ends, and return why."""
        reading = asyncio.create_task(self._read(connect.keepalive_s))
        sending = asyncio.create_task(self._send())
        reason = said("the connection broke")
        try:
            self._greet(connect)
            done, _ = await asyncio.wait(
                {reading, sending, self._ending}, return_when=asyncio.FIRST_COMPLETED
            )
            reason = next(iter(done & {self._ending} or done)).result()
            return reason
        finally:
            reading.cancel()
            sending.cancel()
            await asyncio.gather(reading, sending, return_exceptions=True)
            self._answers.stop()
            if self.session is not None:
                self.broker.core.leave(self.session)
                self.session = None
            if reason != GOODBYE and connect.will_topic is not None:
                await self._leave_will(connect, connect.will_topic)

    def _greet(self, connect: Connect) -> None:
        """Open the session and answer the CONNECT, which must be the first thing that the client hears."""
        session, present = self.broker.core.open(self.key, self.owner, connect.clean_session)
        self.session = session
        self.outgoing.put(connack(ConnackCode.ACCEPTED, present))
        session.listener = self.outgoing
        self.broker.tell_connected(self)
        for topic_filter in self.owner.automatic:
            self.broker.core.subscribe(session, topic_filter, 1)
        for topic_filter in sorted(session.filters):
            self.broker.tell_subscribed(self, topic_filter)

    async def _leave_will(self, connect: Connect, topic: str) -> None:
        """Publish the will, and let the hub hear it before a next connection of this client begins.

        Like any message it needs room at the hub; who comes and goes without end leaves no more than that.
        """
        payload, settled = connect.will_payload or b"", asyncio.Event()
        with suppress(TimeoutError, Refused):
            async with asyncio.timeout(WILL_S):
                await self.broker.wait_for_room(self.owner, len(payload))
                will = self.broker.publish(self.owner, topic, payload, connect.will_qos)
                will.when_settled(settled.set)
                if self.broker.core.hub.link:
                    await settled.wait()

    async def _read(self, keepalive_s: int) -> Said:
        # Half as much again as the client promised (MQTT-3.1.2-24). A client which promises nothing may be
        # silent for ever, as umqtt is by default: whether it still exists is left to TCP keepalive and to
        # WebSocket pings.
        patience_s = keepalive_s * 1.5 or None
        try:
            while True:
                while self._early:
                    packet = self._early.popleft()
                    self.packets_in += 1
                    if packet.kind == Kind.DISCONNECT:
                        return GOODBYE
                    self._in_hand_bytes = len(packet.body)
                    await self._take(packet)
                    self._in_hand_bytes = 0
                    del packet
                async with asyncio.timeout(patience_s):
                    chunk = await self.link.read()
                if not chunk:
                    return said("the device closed the connection")
                self._early.extend(self._reader.feed(chunk))
                self.broker.check_held(self)
        except TimeoutError:
            return said("silent for longer than its keepalive")
        except OSError:
            return said("the connection broke")
        except (Refused, ProtocolError) as error:
            why = error.sentence if isinstance(error, Refused) else no_mqtt(error)
            self._tell_cut(why)
            return why

    async def _send(self) -> Said:
        try:
            while True:
                packet = await self.outgoing.next()
                await self.link.write(packet, self.broker.stall_s)
                self.outgoing.sent(packet)
                self.packets_out += 1
        except TimeoutError:
            why = said("it took no byte for %(seconds)s s", seconds=round(self.broker.stall_s))
            self._tell_cut(why)
            return why
        except OSError:
            return said("the connection broke")

    async def _take(self, packet: Packet) -> None:
        # Hundreds of filters may stand in one SUBSCRIBE, and each is judged.
        await self.broker.pace(
            self.owner, 1 if packet.kind is Kind.PUBLISH else 1 + len(packet.body) // COSTS_ONE_BYTES
        )
        match packet.kind:
            case Kind.PUBLISH:
                await self._take_publish(packet)
            case Kind.PUBREL:
                packet_id = parse_packet_id(packet.body, packet.kind)
                self._opened.unreleased.pop(packet_id, None)
                self.outgoing.put(pubcomp(packet_id))
            case Kind.PUBACK:
                self.outgoing.acknowledged(parse_packet_id(packet.body, packet.kind))
            case Kind.SUBSCRIBE:
                self._take_subscribe(packet)
            case Kind.UNSUBSCRIBE:
                packet_id, filters = parse_unsubscribe(packet.body)
                for topic_filter in [f for f in filters if f in self._opened.filters]:
                    self.broker.core.unsubscribe(self._opened, topic_filter)
                    self.broker.tell_subscribed(self, topic_filter)
                self.outgoing.put(unsuback(packet_id))
            case Kind.PINGREQ:
                self.outgoing.put(PINGRESP)
            case _:
                raise Refused(said("a packet of type %(kind)s is not allowed here", kind=int(packet.kind)))

    # --- what it publishes

    async def _take_publish(self, packet: Packet) -> None:
        head = parse_publish_head(packet)
        payload = packet.body[head.payload_offset :]
        if may_publish(self.owner, head.topic):
            receipt = await self._hand_in(head, payload)
        else:
            self._deny(head.topic)
            # 3.1.1 cannot say no, and without an answer the client repeats the message for ever.
            receipt = Receipt(Outcome.KEPT)
        if head.packet_id is not None:
            if head.qos == 2:
                self._opened.hold(head.packet_id, hash((head.topic, payload)), receipt)
            build = puback if head.qos == 1 else pubrec
            self._answers.send_when_kept(receipt, head.packet_id, build(head.packet_id))

    async def _hand_in(self, head: PublishHead, payload: bytes) -> Receipt:
        """Pass a message on, unless it is one that is known already, and return what becomes of it."""
        if head.packet_id is None:
            await self.broker.wait_for_room(self.owner, len(payload))
            return self.broker.publish(self.owner, head.topic, payload, 0)
        self._answers.note_repeated(head.packet_id)
        published, digest = self.broker.published(self.owner), hash((head.topic, payload))
        # Until its PUBREL, a packet id of QoS 2 stands for the same message whatever the flag says (4.3.3).
        held = self._opened.held(head.packet_id, digest) if head.qos == 2 else None
        if held is not None:
            return held
        known = published.find(self.key, head.packet_id, digest, head.dup)
        if known is not None:
            return known
        await self.broker.wait_for_room(self.owner, len(payload))
        repeated = head.dup or published.is_unanswered(self.key, head.packet_id, digest)
        receipt = self.broker.publish(self.owner, head.topic, payload, head.qos, repeated=repeated)
        published.remember(self.key, head.packet_id, digest, receipt)
        return receipt

    # --- what it listens to

    def _take_subscribe(self, packet: Packet) -> None:
        packet_id, wishes = parse_subscribe(packet.body)
        codes = [self._judge_filter(topic_filter, qos) for topic_filter, qos in wishes]
        self.outgoing.put(suback(packet_id, codes))
        for (topic_filter, _), code in zip(wishes, codes, strict=True):
            if code != SUBSCRIPTION_REFUSED:
                self.broker.tell_subscribed(self, topic_filter)

    def _judge_filter(self, topic_filter: str, qos: int) -> int:
        """Subscribe and return the granted QoS (2 is served as 1, which SUBACK can say), or the refusal."""
        filters = self._opened.filters
        has_room = topic_filter in filters or len(filters) < SUBSCRIPTIONS_MAX
        if has_room and may_subscribe(self.owner, topic_filter):
            self.broker.core.subscribe(self._opened, topic_filter, min(qos, 1))
            return min(qos, 1)
        self._deny(topic_filter)
        return SUBSCRIPTION_REFUSED

    def _deny(self, topic: str) -> None:
        self.denied += 1
        self.broker.count_denied(self.owner, topic, first=self.denied == 1)
