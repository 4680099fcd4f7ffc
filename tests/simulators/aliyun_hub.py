"""The hub's side of firmware updates in the Aliyun form, on a real broker: it checks what the real one checks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from devices.protocol.aliyun import blocks as aliyun_blocks
from devices.protocol.aliyun import updates as aliyun_updates
from devices.protocol.aliyun.topics import OtaChannel, build_topic, hub_filters, parse_topic
from simulators.firmware_board import Firmware, make_firmware

PRODUCT, DEVICE = "ga1b2c3", "porch"
STREAM = 1397345


@dataclass
class AliyunHub:
    """Offer an image to whoever informs another version, by URL or by blocks; `heard` is all that was read."""

    client: aiomqtt.Client
    image: Firmware
    url: str = ""
    sign_method: str = "SHA256"
    module: str = "default"
    spoiled_blocks: int = 0
    lost_blocks: int = 0
    heard: list[Any] = field(default_factory=list)
    junk: list[bytes] = field(default_factory=list)
    block_requests: list[bytes] = field(default_factory=list)

    @property
    def versions(self) -> list[str]:
        return [h.version for h in self.heard if isinstance(h, aliyun_updates.Inform)]

    @property
    def steps(self) -> list[int]:
        return [h.step for h in self.heard if isinstance(h, aliyun_updates.Progress)]

    def offer(self) -> aliyun_updates.Offer:
        image = self.image
        way = {"url": self.url} if self.url else {"stream_id": STREAM, "file_id": 1}
        return aliyun_updates.Offer(
            image.version, len(image.data), image.md5, image.sha256, self.sign_method, self.module, **way
        )

    async def push(self) -> None:
        await self.say(OtaChannel.UPGRADE, aliyun_updates.encode_upgrade(self.offer(), 1626969597470))

    async def say(self, channel: OtaChannel, payload: bytes) -> None:
        await self.client.publish(build_topic(channel, PRODUCT, DEVICE), payload, qos=1)

    async def listen(self) -> None:
        async for message in self.client.messages:
            channel, payload = parse_topic(str(message.topic)).channel, bytes(message.payload)
            if channel is OtaChannel.UPGRADE:
                self.junk.append(payload)
            elif channel is OtaChannel.DOWNLOAD:
                await self._send_block(payload)
            else:
                await self._take(channel, payload)

    async def _take(self, channel: OtaChannel, payload: bytes) -> None:
        decode = {
            OtaChannel.INFORM: aliyun_updates.decode_inform,
            OtaChannel.PROGRESS: aliyun_updates.decode_progress,
            OtaChannel.GET: aliyun_updates.decode_get,
        }[channel]
        read = decode(payload)
        self.heard.append(read)
        if isinstance(read, aliyun_updates.FirmwareGet):
            old = self.versions[-1:] != [self.image.version]
            reply = aliyun_updates.encode_get_reply(self.offer() if old else None, read.id)
            await self.say(OtaChannel.GET_REPLY, reply)

    async def _send_block(self, payload: bytes) -> None:
        request = aliyun_blocks.decode_request(payload)
        self.block_requests.append(payload)
        self.heard.append(request)
        if self.lost_blocks:
            self.lost_blocks -= 1
            return
        data = self.image.data
        found = aliyun_blocks.find_block(request, len(data)) if request.stream_id == STREAM else None
        if found is None:
            reply = aliyun_blocks.encode_refusal(request.id, 404, "No such block.")
        else:
            reply = aliyun_blocks.encode_block(request, len(data), data[found[0] : found[1]])
        if self.spoiled_blocks:
            self.spoiled_blocks -= 1
            reply = reply[:-1] + bytes([reply[-1] ^ 1])
        await self.say(OtaChannel.DOWNLOAD_REPLY, reply)


@asynccontextmanager
async def aliyun_hub(port: int, **settings: Any) -> AsyncIterator[AliyunHub]:
    """Listen on a broker until the block ends."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        hub = AliyunHub(client, **{"image": make_firmware("2.0.0"), **settings})
        for topic_filter in (*hub_filters(), build_topic(OtaChannel.UPGRADE, "+", "+")):
            await client.subscribe(topic_filter, qos=1)
        task = asyncio.create_task(hub.listen())
        try:
            yield hub
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
