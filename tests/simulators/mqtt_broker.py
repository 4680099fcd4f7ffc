"""A real MQTT broker in the test's own loop, on a free port, with anonymous access."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amqtt.broker import Broker

ANONYMOUS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


@asynccontextmanager
async def mqtt_broker() -> AsyncIterator[int]:
    """Run a broker and yield its port."""
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}, "plugins": ANONYMOUS})
    await broker.start()
    try:
        yield broker._servers["default"].instance.sockets[0].getsockname()[1]
    finally:
        await broker.shutdown()
