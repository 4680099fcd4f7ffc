"""The accounts and the bare MQTT client that the tests of the embedded broker share."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt

from devices.protocol.mqtt.packets import Connect, Kind, Packet, PacketReader, build_packet
from photohub.embedded.broker import Account, EmbeddedBroker
from photohub.lib.pages.sentences import said
from tests.mqtt_packets import build_connect
from tests.mqtt_packets import build_subscribe as subscribe_packet

WATCH = Account("watch", "person", ("photohub/#",), ("photohub/#",))
GATE = Account("gate", "device", ("photohub/gate/frame", "photohub/gate/status"), ("photohub/gate/command",))
YARD = Account("yard", "device", ("photohub/yard/#",), ("photohub/yard/#",))
PEOPLE = {account.username: account for account in (WATCH, GATE, YARD)}
WAIT_S = 10.0


async def know_people(connect: Connect, peer: str) -> Account | None:
    return PEOPLE.get(connect.username or "") if connect.password == b"secret" else None


@asynccontextmanager
async def running_broker(**options: Any) -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker(options.pop("authenticate", know_people), host="127.0.0.1", port=0, **options)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def kick(broker: EmbeddedBroker, username: str) -> int:
    """End all connections of an account, as the broker does when its rights are gone; returns how many those were."""
    leaving = list(broker._standings[username].connections)
    for connection in leaving:
        connection.end(said("it was thrown out"))
    return len(leaving)


def client(broker: EmbeddedBroker, account: Account, **options: Any) -> aiomqtt.Client:
    options = {"identifier": "one", "password": "secret", "timeout": WAIT_S, "port": broker.port} | options
    return aiomqtt.Client("127.0.0.1", username=account.username, **options)


async def next_message(listener: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(WAIT_S):
        return await anext(aiter(listener.messages))


async def until(happened: Callable[[], Any]) -> None:
    """Wait until something is true, and fail when it takes too long."""
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


def connect_packet(account: Account, **options: Any) -> bytes:
    known = {"client_id": "one", "username": account.username, "password": b"secret"}
    return build_connect(Connect(**(known | options)))


def publish_packet(topic: str, payload: bytes = b"picture", *, packet_id: int = 0, flags: int = 0) -> bytes:
    """Write a PUBLISH, at QoS 1 when it has a packet id; `flags` adds retain (1) or another QoS."""
    number = packet_id.to_bytes(2, "big") if packet_id else b""
    body = len(topic).to_bytes(2, "big") + topic.encode() + number + payload
    return build_packet(Kind.PUBLISH, flags or (2 if packet_id else 0), body)


class BareClient:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._cutter = PacketReader(2**24)
        self._packets: list[Packet] = []

    async def send(self, *packets: bytes) -> None:
        self.writer.write(b"".join(packets))
        await self.writer.drain()

    async def receive(self) -> Packet | None:
        """Return the next packet, or None when the broker has closed the connection."""
        async with asyncio.timeout(WAIT_S):
            while not self._packets:
                with suppress(ConnectionError):
                    data = await self.reader.read(65536)
                if not data:
                    return None
                self._packets += self._cutter.feed(data)
        return self._packets.pop(0)

    async def log_in(self, account: Account, **options: Any) -> Packet:
        """Connect, and return the CONNACK."""
        await self.send(connect_packet(account, **options))
        return await self.receive()

    async def subscribe(self, *filters: tuple[str, int]) -> list[int]:
        """Subscribe, and return the answers."""
        await self.send(subscribe_packet(7, list(filters)))
        return list((await self.receive()).body[2:])


@asynccontextmanager
async def bare_client(broker: EmbeddedBroker) -> AsyncIterator[BareClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    try:
        yield BareClient(reader, writer)
    finally:
        writer.transport.abort()
