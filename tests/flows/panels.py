"""A panel on a real broker, written from the protocol alone, for stories about pictures to devices."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import aiomqtt

from devices.protocol.pictures.receiver import Receiver


class BoardPanel:
    """Answers every packet as `Receiver` says; `mangle` decides what becomes of an answer."""

    def __init__(
        self, receiver: Receiver | None = None, mangle: Callable[[bytes], list[bytes]] | None = None
    ):
        self.receiver = receiver or Receiver()
        self.mangle = mangle or (lambda answer: [answer])
        self.packets = 0
        self.connected = asyncio.Event()

    async def run(self, port: int, code: str, key: str, topic: str, acks: str) -> None:
        async with aiomqtt.Client("127.0.0.1", port, username=code, password=key, identifier=code) as client:
            await client.subscribe(topic, qos=0)
            self.connected.set()
            async for message in client.messages:
                self.packets += 1
                answer = self.receiver.take(message.payload)
                for ack in self.mangle(answer) if answer else []:
                    await client.publish(acks, ack, qos=0)


@contextlib.asynccontextmanager
async def connected(panel: BoardPanel, port: int, device: dict, made: dict) -> AsyncIterator[BoardPanel]:
    """Keep the panel on the broker as long as the block lasts."""
    topics = device["picture_topic"], device["picture_ack_topic"]
    task = asyncio.create_task(panel.run(port, made["code"], made["key"], *topics))
    try:
        async with asyncio.timeout(10):
            await panel.connected.wait()
        yield panel
    finally:
        # The library loses a cancellation that comes in the same turn of the loop as the broker's answer.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1)
