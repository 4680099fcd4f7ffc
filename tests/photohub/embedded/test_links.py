"""MQTT over the HTTP server's WebSockets, and slow readers on both kinds of connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import websockets

from devices.protocol.mqtt.packets import Kind, PacketReader, puback
from photohub.embedded.broker import EmbeddedBroker
from photohub.embedded.links import TcpLink, WebSocketLink
from tests.photohub.embedded.mqtt_people import (
    GATE,
    WATCH,
    client,
    connect_packet,
    kick,
    next_message,
    publish_packet,
    running_broker,
    until,
)

FRAME = "photohub/gate/frame"


@asynccontextmanager
async def web_endpoint(broker: EmbeddedBroker) -> AsyncIterator[int]:
    """Serve the broker's WebSocket application, and yield the HTTP port."""
    config = uvicorn.Config(
        broker.websocket, port=0, lifespan="off", log_level="error", interface="asgi3", ws_max_size=2**24
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def dial(port: int, subprotocol: str = "mqtt") -> Any:
    return websockets.connect(f"ws://127.0.0.1:{port}/mqtt", subprotocols=[subprotocol], max_size=None)


async def test_picture_of_2_mb_travels_over_websocket_both_ways() -> None:
    picture = bytes(2 * 2**20)
    async with running_broker() as broker, web_endpoint(broker) as port, client(broker, GATE) as gate:
        way = {"transport": "websockets", "port": port, "websocket_path": "/mqtt"}
        async with client(broker, WATCH, **way) as hub:
            await hub.subscribe(FRAME, qos=1)
            await gate.publish(FRAME, picture, qos=1)
            assert (await next_message(hub)).payload == picture
            await hub.publish(FRAME, picture, qos=1)
            assert (await next_message(hub)).payload == picture


@pytest.mark.parametrize("subprotocol", ["mqtt", "mqttv3.1"])
async def test_packets_may_be_cut_over_frames(subprotocol: str) -> None:
    async with running_broker() as broker, web_endpoint(broker) as port, dial(port, subprotocol) as gate:
        stream = connect_packet(GATE) + publish_packet(FRAME, packet_id=1)
        for start in range(0, len(stream), 7):
            await gate.send(stream[start : start + 7])
        answers = await gate.recv() + await gate.recv()
        assert [packet.kind for packet in PacketReader(100).feed(answers)] == [Kind.CONNACK, Kind.PUBACK]


async def test_packets_may_be_glued_in_one_frame() -> None:
    async with running_broker() as broker, web_endpoint(broker) as port, dial(port) as gate:
        await gate.send(connect_packet(GATE) + publish_packet(FRAME, packet_id=9))
        assert [await gate.recv(), await gate.recv()] == [b"\x20\2\0\0", puback(9)]


async def test_websocket_of_another_subprotocol_is_refused() -> None:
    async with running_broker() as broker, web_endpoint(broker) as port:
        with pytest.raises(websockets.InvalidStatus):
            await dial(port, "stomp")


async def test_text_frame_closes() -> None:
    async with running_broker() as broker, web_endpoint(broker) as port, dial(port) as gate:
        await gate.send("hello")
        await asyncio.wait_for(gate.wait_closed(), 5)


async def test_wrong_password_over_websocket_gets_connack_4() -> None:
    async with running_broker() as broker, web_endpoint(broker) as port, dial(port) as stranger:
        await stranger.send(connect_packet(GATE, password=b"guess"))
        assert await stranger.recv() == b"\x20\2\0\4"
        await asyncio.wait_for(stranger.wait_closed(), 5)


async def test_closed_websocket_is_noticed() -> None:
    async with running_broker() as broker, web_endpoint(broker) as port:
        async with dial(port) as gate:
            await gate.send(connect_packet(GATE))
            await gate.recv()
            assert broker.connections()[0].peer == "127.0.0.1"
        await until(lambda: not broker.connections())


async def test_kicked_websocket_is_closed() -> None:
    async with running_broker() as broker, web_endpoint(broker) as port, dial(port) as gate:
        await gate.send(connect_packet(GATE))
        await gate.recv()
        assert kick(broker, "gate") == 1
        await asyncio.wait_for(gate.wait_closed(), 5)


@asynccontextmanager
async def tcp_pair() -> AsyncIterator[tuple[TcpLink, asyncio.StreamReader]]:
    arrived: asyncio.Queue[TcpLink] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await arrived.put(TcpLink(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=2**12)
    link = await arrived.get()
    try:
        yield link, reader
    finally:
        link.abort()
        writer.transport.abort()
        server.close()


async def test_reader_that_takes_nothing_is_a_timeout() -> None:
    async with tcp_pair() as (link, _reader):
        with pytest.raises(TimeoutError):
            await link.write(bytes(16 * 2**20), 0.05)


async def test_slow_reader_gets_everything() -> None:
    async with tcp_pair() as (link, reader), asyncio.timeout(30), asyncio.TaskGroup() as both:
        # All of it takes longer than the writer may wait for the next piece.
        both.create_task(link.write(bytes(16 * 2**20), 0.5))
        received_bytes = 0
        while received_bytes < 16 * 2**20:
            received_bytes += len(await reader.readexactly(2**19))
            await asyncio.sleep(0.02)


async def test_websocket_that_takes_nothing_is_a_timeout() -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await WebSocketLink({}, never, never).write(b"picture", 0.01)


async def test_server_that_lost_the_websocket_is_a_broken_connection() -> None:
    async def lost(*_: object) -> None:
        raise RuntimeError("Unexpected ASGI message after close")

    with pytest.raises(ConnectionResetError):
        await WebSocketLink({}, lost, lost).write(b"picture", 1)
