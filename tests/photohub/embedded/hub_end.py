"""The hub's end of the embedded broker, for tests: what comes is noted in a list, and acknowledged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from photohub.embedded.broker import EmbeddedBroker
from photohub.embedded.hub_link import HubLink


class HubEnd:
    """A hub that keeps everything once, and takes its time while `may_keep` is not set."""

    def __init__(self, link: HubLink) -> None:
        self.link = link
        self.payloads: list[bytes] = []
        self.may_keep = asyncio.Event()
        self.may_keep.set()

    async def run(self) -> None:
        async for message in self.link.messages():
            if not (message.repeated and message.payload in self.payloads):
                self.payloads.append(message.payload)
            await self.may_keep.wait()
            message.ack()


@asynccontextmanager
async def keeping_hub(broker: EmbeddedBroker, *filters: str) -> AsyncIterator[HubEnd]:
    """Connect a hub that listens to these filters."""
    async with broker.core.hub.open() as link:
        await link.subscribe(list(filters))
        hub = HubEnd(link)
        running = asyncio.create_task(hub.run())
        try:
            yield hub
        finally:
            running.cancel()
