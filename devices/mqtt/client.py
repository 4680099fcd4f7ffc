"""The MQTT client: the only importer of aiomqtt and paho. Its errors stay in; `MqttDown` comes out."""

import asyncio
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from photohub.lib.log.throttling import Seldom
from photohub.lib.memory.later import later
from photohub.lib.pages.sentences import Said, said

# The one process has a broker of its own, and needs no client.
if TYPE_CHECKING:
    import aiomqtt
    from paho.mqtt import packettypes, properties
else:
    aiomqtt = later("aiomqtt")
    packettypes, properties = later("paho.mqtt.packettypes"), later("paho.mqtt.properties")

log = logging.getLogger(__name__)

CLIENT_ID = "photohub-gateway"
SESSION_EXPIRY_S = 24 * 3600
KEEPALIVE_S = 30
# Messages that the broker may have on their way to us; one that never ends would keep its place for good. So many that
# those of one device, which are handled one after the other, leave places for all others'. `deploy/mosquitto.conf` bounds
# their bytes.
UNDER_WAY_AT_MOST = 200
# A broker that is back is served again within 15 s: the longest pause, and then a connection and a session.
LONGEST_PAUSE_S = 8.0
_OWN_AT_MOST = 500
# The broker bounds what it gives us and has no acknowledgement of; what comes without any is bounded here.
_HELD_AT_MOST_BYTES = 64 * 2**20
_FILTERS_AT_ONCE = 200
# Topics of dropped messages that are kept until somebody writes down whose they were.
_DROPPED_AT_ONCE = 20

# paho writes every packet at DEBUG; its payloads are pictures.
_seldom = Seldom()
_quiet = logging.getLogger("photohub.paho")
_quiet.setLevel(logging.WARNING)


class MqttDown(Exception):
    """The broker cannot be reached, refuses us, or went away. The text says which."""


class Reachable(Protocol):
    """Where messages come from and go to: a broker at an address, or the hub's own in the same process."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def username(self) -> str: ...
    def open(self) -> AbstractAsyncContextManager[Any]: ...


@dataclass(frozen=True)
class Address:
    """Where the broker is and who we are to it. `version5` brokers honour a message's expiry."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: bool = False
    version5: bool = True
    client_id: str = CLIENT_ID

    @classmethod
    def from_url(cls, url: str) -> "Address":
        parts = urlsplit(url)
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (8883 if tls else 1883),
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
        )

    def open(self) -> "AbstractAsyncContextManager[Link]":
        """Connect; see `connect`."""
        return connect(self)


@dataclass(frozen=True)
class Incoming:
    """One message. `ack()` tells the broker that it is ours now: call it after the commit, never before. `refuse()`
    says that it could not be kept for now. Of that the device hears by the embedded broker only, and sends it again;
    other brokers have acknowledged it already, and are told the same as by `ack()`.

    `repeated`: it came before, from the device or from a broker that heard no `ack()`; what we did with it then may
    be durable.
    """

    topic: str
    payload: bytes
    retained: bool
    ack: Callable[[], None]
    repeated: bool = False
    refuse: Callable[[], None] = lambda: None
    qos: int = 1


class Link:
    """One open connection to the broker."""

    def __init__(self, client: "aiomqtt.Client", address: Address) -> None:
        self._client = client
        self._address = address
        # Whether the broker still had our session, with what came for us meanwhile.
        self.resumed = False
        # Packet ids of messages that the broker repeats, until they are handed on.
        self.repeated: set[int] = set()
        # Bytes of messages that are here and have not ended.
        self.held_bytes = 0
        # Topics of which messages were dropped since somebody took this.
        self.dropped: set[str] = set()
        # What we said ourselves on topics that we listen to, until the broker brings it back.
        self._own: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        expiry_s: int | None = None,
        retain: bool = False,
    ) -> None:
        """Publish, and return when the broker took it. Raises MqttDown."""
        said = None
        if self._address.version5 and expiry_s:
            said = properties.Properties(packettypes.PacketTypes.PUBLISH)
            # Mosquitto counts whole seconds and delivers during the last one too.
            said.MessageExpiryInterval = max(1, expiry_s - 1)
        with _translated(), _cancellation_kept():
            await self._client.publish(topic, payload, qos=qos, retain=retain, timeout=5, properties=said)

    async def publish_unheard(self, topic: str, payload: bytes) -> None:
        """Publish on a topic of a device's own, to which the hub listens too: `messages` passes this one over.

        It would count as a sign of life of the device otherwise. Raises MqttDown.
        """
        self._own[topic, payload] = None
        while len(self._own) > _OWN_AT_MOST:
            self._own.popitem(last=False)
        await self.publish(topic, payload)

    def publish_now(self, topic: str, payload: bytes) -> None:
        """Hand a packet to the socket at QoS 0, for protocols that acknowledge by themselves.

        Nothing is raised: a connection that is gone is noticed by `messages`, and the packet is sent again.
        """
        self._client._client.publish(topic, payload, qos=0)

    def listen(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Hand the messages of one topic to `take` inside the socket's own call, past `messages`.

        The hub must be subscribed to it already. Retained messages are passed over.
        """
        paho = self._client._client

        def on_message(client, userdata, message) -> None:
            if message.qos:
                paho.ack(message.mid, message.qos)
            if not message.retain:
                try:
                    take(message.payload)
                except Exception:
                    # It must not reach the loop that reads the socket for all.
                    log.exception("A message on %r could not be taken.", topic)

        paho.message_callback_add(topic, on_message)

    def forget(self, topic: str) -> None:
        """Let the messages of this topic come by `messages` again."""
        self._client._client.message_callback_remove(topic)

    async def subscribe(self, filters: list[str], qos: int = 1) -> list[str]:
        """Subscribe, and return the filters that the broker refused. Raises MqttDown."""
        if not filters:
            return []
        granted: list = []
        for first in range(0, len(filters), _FILTERS_AT_ONCE):
            some = [(f, qos) for f in filters[first : first + _FILTERS_AT_ONCE]]
            with _translated(), _cancellation_kept():
                granted += await self._client.subscribe(some, timeout=5)
        return [f for f, code in zip(filters, granted, strict=False) if _refused(code)]

    async def unsubscribe(self, filters: list[str]) -> None:
        with _translated(), _cancellation_kept():
            await self._client.unsubscribe(filters, timeout=5)

    async def messages(self) -> AsyncIterator[Incoming]:
        """Yield messages until the connection ends, which raises MqttDown."""
        paho = self._client._client
        with _translated():
            async for message in self._client.messages:
                repeated = message.mid in self.repeated
                self.repeated.discard(message.mid)
                topic = str(message.topic)
                payload = message.payload if isinstance(message.payload, bytes) else b""
                acknowledge = self._acknowledge(paho, message.mid, message.qos, len(payload))
                if (topic, payload) in self._own:
                    del self._own[topic, payload]
                    acknowledge()
                    continue
                retained = bool(message.retain)
                yield Incoming(topic, payload, retained, acknowledge, repeated, acknowledge, message.qos)

    def _acknowledge(self, paho, mid: int, qos: int, size_bytes: int) -> Callable[[], None]:
        def acknowledge() -> None:
            self.held_bytes -= size_bytes
            if qos:
                paho.ack(mid, qos)

        return acknowledge


def _refused(code) -> bool:
    return getattr(code, "value", code) >= 0x80


class _translated:
    """Turn the library's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, aiomqtt.MqttError | OSError | ssl.SSLError):
            raise MqttDown(_in_words(error)) from error


class _cancellation_kept:
    """Keep a cancellation that the library loses.

    It waits with `asyncio.wait_for`, which before Python 3.12 forgets that it was cancelled when the broker answers in
    the same turn of the loop: a hub that stops under load would go on for ever. Only what comes in here counts: a
    TaskGroup of Python 3.11 leaves a request to cancel behind on its task.
    """

    def __enter__(self) -> None:
        self._before = _cancellations()

    def __exit__(self, kind, error, trace) -> None:
        if (error is None or isinstance(error, Exception)) and _cancellations() > self._before:
            raise asyncio.CancelledError from error


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _in_words(error: BaseException) -> Said:
    cause = error.__cause__ or error
    text = str(error) or str(cause) or type(cause).__name__
    if "Not authorized" in text or "Bad user name" in text:
        return said("the broker refused the hub's user name and password")
    if isinstance(cause, ConnectionRefusedError):
        return said("nothing answers at the broker's address")
    return Said("%(text)s", {"text": text[:200]})


@asynccontextmanager
async def connect(address: Address, *, anew: bool = False) -> AsyncGenerator[Link]:
    """Open a connection with a persistent session, in which nothing counts as received until we say so.

    `anew`: the broker forgets the session that it has, and keeps none when the connection ends.
    """
    session: dict = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": anew}
    if address.version5:
        wishes = properties.Properties(packettypes.PacketTypes.CONNECT)
        wishes.SessionExpiryInterval = 0 if anew else SESSION_EXPIRY_S
        # Without it a client of MQTT 5 may be sent 65,535 messages, each a picture, before it acknowledges the first.
        wishes.ReceiveMaximum = UNDER_WAY_AT_MOST
        session = {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": anew, "properties": wishes}
    client = aiomqtt.Client(
        address.host,
        address.port,
        username=address.username or None,
        password=address.password or None,
        identifier=address.client_id,
        **session,
        keepalive=KEEPALIVE_S,
        timeout=10,
        max_inflight_messages=100,
        tls_context=ssl.create_default_context() if address.tls else None,
        # A packet that follows an acknowledgement would wait for the other side's delayed TCP ACK, 40 ms each.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        logger=_quiet,
    )
    # aiomqtt acknowledges before our code runs; a picture would be lost if we died in between.
    client._client.manual_ack_set(True)
    client.pending_calls_threshold = 10_000
    link = Link(client, address)
    _note_resumed(client._client, link)
    _note_repeated(client._client, link)
    with _translated():
        async with AsyncExitStack() as opened:
            with _cancellation_kept():
                await opened.enter_async_context(client)
            yield link


def _note_resumed(paho, link: Link) -> None:
    """Read from the broker's answer to CONNECT what aiomqtt does not pass on."""
    passed_on = paho.on_connect

    def on_connect(client, userdata, flags, *rest) -> None:
        link.resumed = bool(getattr(flags, "session_present", False))
        passed_on(client, userdata, flags, *rest)

    paho.on_connect = on_connect


def _note_repeated(paho, link: Link) -> None:
    """Read from messages the DUP flag, which aiomqtt does not pass on, and bound those without acknowledgement.

    One that aiomqtt does not take, as on a topic that is none, is acknowledged: nobody else would.
    """
    passed_on = paho.on_message

    def on_message(client, userdata, message) -> None:
        size_bytes = len(message.payload)
        if not message.qos and link.held_bytes + size_bytes > _HELD_AT_MOST_BYTES:
            if len(link.dropped) < _DROPPED_AT_ONCE:
                link.dropped.add(message.topic)
            if count := _seldom.count("too much"):
                log.warning("More comes over MQTT than is handled; %d messages of QoS 0 were dropped.", count)
            return
        if message.dup:
            link.repeated.add(message.mid)
        link.held_bytes += size_bytes
        try:
            passed_on(client, userdata, message)
        except Exception:
            link.held_bytes -= size_bytes
            if message.qos:
                paho.ack(message.mid, message.qos)
            if count := _seldom.count("not taken"):
                log.exception("A message of the broker could not be taken (%d so far).", count)

    paho.on_message = on_message


async def end_session(address: Address) -> None:
    """Let the broker forget the session of this client id, with all that waits in it. Raises MqttDown."""
    async with connect(address, anew=True):
        pass


async def keep_connected(
    address: Reachable,
    session: Callable[[Link], Awaitable[None]],
    tell: Callable[[bool, str | Said], Awaitable[None]],
) -> None:
    """Run `session` on a connection for ever: again after 1 to 8 s whenever the broker went away."""
    pause_s = 1.0
    while True:
        started = asyncio.get_running_loop().time()
        try:
            async with address.open() as link:
                await tell(True, "")
                await session(link)
        except MqttDown as error:
            where = f"{address.host}:{address.port}"
            why = error.args[0] if error.args else ""
            await tell(
                False, said("The message broker at %(where)s is unreachable: %(why)s.", where=where, why=why)
            )
        except Exception as error:
            log.exception("The gateway's session broke; it connects anew.")
            await tell(
                False,
                said("The hub's connection to the message broker broke: %(why)s.", why=type(error).__name__),
            )
        if asyncio.get_running_loop().time() - started > 30:
            pause_s = 1.0
        await asyncio.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.7)
