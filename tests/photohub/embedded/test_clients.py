"""The MQTT clients that people use, as judges of the embedded broker."""

import asyncio
import os
import socket
import struct
import sys
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import paho.mqtt.client as paho
import pytest

from devices.protocol.mqtt.packets import Connect
from photohub.embedded.broker import Account, EmbeddedBroker
from tests.outside import from_npm, from_pypi, node
from tests.photohub.embedded.hub_end import HubEnd, keeping_hub
from tests.photohub.embedded.mqtt_people import kick, until

ANYBODY = Account("anybody", "device", ("in/#", "out/#"), ("in/#", "out/#"))
WITHIN_S = 60

MQTT_JS = """
const mqtt = require("mqtt");
const [port, qos, count] = process.argv.slice(1).map(Number);
const client = mqtt.connect({ host: "127.0.0.1", port, reconnectPeriod: 50, clientId: "js" });
client.on("error", () => {});
const said = (n) => new Promise((done) => client.publish("in/js", String(n), { qos }, done));
client.once("connect", async () => {
  await client.subscribeAsync("out/js", { qos: 2 });
  await Promise.all(Array.from({ length: count }, (_, n) => said(n)));
  client.on("message", () => client.end(() => process.exit(0)));
  await client.publishAsync("in/js", "ready", { qos });
});
"""


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[EmbeddedBroker, HubEnd]]:
    """Run a broker that lets everybody in, and a hub that keeps what comes below `in/`."""

    async def let_in(connect: Connect, peer: str) -> Account:
        return ANYBODY

    broker = EmbeddedBroker(let_in, host="127.0.0.1", port=0)
    await broker.start()
    try:
        async with keeping_hub(broker, "in/#") as hub:
            yield broker, hub
    finally:
        await broker.stop()


@asynccontextmanager
async def started(*command: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=os.environ | env
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def paho_client(port: int, **options) -> AsyncIterator[paho.Client]:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, **options)
    client.reconnect_delay_set(1, 1)
    await asyncio.to_thread(client.connect, "127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        await asyncio.to_thread(client.loop_stop)


async def break_connection(broker: EmbeddedBroker, hub: HubEnd) -> None:
    """End the client's connection while the hub has its first message in hand, which it keeps then."""
    await until(lambda: hub.payloads)
    kick(broker, "anybody")
    await until(lambda: not broker.connections())
    hub.may_keep.set()


@pytest.mark.parametrize("qos", [1, 2])
async def test_paho_is_told_of_every_publish(qos: int) -> None:
    async with serving() as (broker, hub):
        async with paho_client(broker.port) as client:
            sent = [client.publish("in/paho", b"%d" % number, qos) for number in range(50)]
            await until(lambda: all(info.is_published() for info in sent))
    assert sorted(hub.payloads, key=int) == [b"%d" % number for number in range(50)]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize(
    "session", [{}, {"client_id": "paho"}, {"client_id": "paho", "clean_session": False}]
)
async def test_paho_repeats_after_a_broken_connection_what_is_then_kept_once(qos: int, session: dict) -> None:
    async with serving() as (broker, hub):
        async with paho_client(broker.port, **session) as client:
            await until(client.is_connected)
            hub.may_keep.clear()
            sent = [client.publish("in/paho", b"%d" % number, qos) for number in range(10)]
            await break_connection(broker, hub)
            await until(lambda: all(info.is_published() for info in sent))
    assert sorted(hub.payloads, key=int) == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("qos", ["1", "2"])
async def test_mqtt_js_is_told_of_every_publish_over_a_broken_connection(qos: str) -> None:
    modules = await asyncio.to_thread(from_npm, "mqtt@5.16.0")
    command = await asyncio.to_thread(node)
    async with serving() as (broker, hub):
        hub.may_keep.clear()
        arguments = (*command, "-e", MQTT_JS, str(broker.port), qos, "50")
        async with started(*arguments, NODE_PATH=str(modules)) as client:
            await break_connection(broker, hub)
            await until(lambda: b"ready" in hub.payloads and broker.hears("anybody", "out/js"))
            await hub.link.publish("out/js", b"goodbye")
            assert await asyncio.wait_for(client.wait(), WITHIN_S) == 0
    assert sorted(set(hub.payloads)) == sorted(hub.payloads) and len(hub.payloads) == 51


@pytest.mark.parametrize("qos", ["0", "1", "2"])
async def test_mosquitto_pub_and_sub(qos: str) -> None:
    pub, sub = "mosquitto_pub", "mosquitto_sub"
    async with serving() as (broker, hub):
        where = ("-h", "127.0.0.1", "-p", str(broker.port), "-q", qos, "-t")
        async with (
            started(sub, *where, "out/#", "-C", "1") as listener,
            started(pub, *where, "in/m", "-l") as p,
        ):
            await asyncio.wait_for(p.communicate(b"one\ntwo\n"), WITHIN_S)
            assert p.returncode == 0
            await until(lambda: broker.hears("anybody", "out/m"))
            await hub.link.publish("out/m", b"hello")
            assert (await asyncio.wait_for(listener.communicate(), WITHIN_S))[0] == b"hello\n"
    assert hub.payloads == [b"one", b"two"]


class _Socket(socket.socket):
    """A socket with the names that MicroPython gives its methods."""

    def write(self, data: bytes, count: int | None = None) -> None:
        self.sendall(data[:count])

    def read(self, count: int) -> bytes:
        return self.recv(count, socket.MSG_WAITALL)


def umqtt(folder) -> types.ModuleType:
    """Load umqtt.simple as it stands, with MicroPython's modules under their old names."""
    names = {"socket": _Socket, "getaddrinfo": socket.getaddrinfo}
    shims = {
        "usocket": types.SimpleNamespace(**names),
        "ustruct": struct,
        "ubinascii": types.SimpleNamespace(hexlify=bytes.hex),
    }
    module = types.ModuleType("umqtt_simple")
    with pytest.MonkeyPatch.context() as patch:
        for name, shim in shims.items():
            patch.setitem(sys.modules, name, shim)
        exec(compile((folder / "umqtt/simple.py").read_text(), "umqtt/simple.py", "exec"), vars(module))
    return module


async def test_umqtt_is_told_of_every_publish_and_hears() -> None:
    module = umqtt(await asyncio.to_thread(from_pypi, "micropython-umqtt.simple==1.1"))
    heard: list[bytes] = []

    def use(port: int) -> None:
        client = module.MQTTClient(b"umqtt", "127.0.0.1", port)
        client.set_callback(lambda topic, payload: heard.append(payload))
        assert client.connect() == 0
        client.subscribe(b"out/umqtt", 1)
        for number in range(5):
            client.publish(b"in/umqtt", b"%d" % number, qos=1)
        while not heard:
            client.wait_msg()
        client.disconnect()

    async with serving() as (broker, hub):
        using = asyncio.create_task(asyncio.to_thread(use, broker.port))
        await until(lambda: len(hub.payloads) == 5)
        await hub.link.publish("out/umqtt", b"hello")
        await asyncio.wait_for(using, WITHIN_S)
    assert (heard, hub.payloads) == ([b"hello"], [b"0", b"1", b"2", b"3", b"4"])
