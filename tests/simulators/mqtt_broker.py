"""A real MQTT broker in the test's own loop, on a free port, in which everybody may do everything and is somebody else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devices.protocol.mqtt.packets import Connect
from photohub.embedded.broker import Account, EmbeddedBroker


async def know_everybody(connect: Connect, peer: str) -> Account:
    return Account(connect.client_id.replace("/", "-"), "device", ("#",), ("#",))


@asynccontextmanager
async def mqtt_broker() -> AsyncIterator[int]:
    """Run a broker and yield its port."""
    broker = EmbeddedBroker(know_everybody, host="127.0.0.1", port=0)
    await broker.start()
    try:
        yield broker.port
    finally:
        await broker.stop()
