"""A device that was written for the Aliyun IoT Platform, with the habits of the vendor's C Link SDK.

It signs in with an HMAC, informs which version runs, asks for firmware, and takes what is pushed. It knows the
methods `Md5` and `SHA256` in exactly this spelling, downloads with a Range from the first request on, and wants
a header spelled `Content-Length`; over MQTT it asks for blocks with the SDK's comma before a brace, three times
each. After a restart it informs the new version, which is the only proof that it runs.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import aiomqtt

from devices.protocol.aliyun import blocks as aliyun_blocks
from devices.protocol.aliyun.login import Login, sign
from devices.protocol.aliyun.topics import OtaChannel, build_topic
from simulators.device import MqttLife, PowerCut, Restart
from simulators.esp_http import HttpFailure
from simulators.firmware_board import Board, UpdateFailed
from simulators.http_fetch import Fetched, Wish

SIGN_METHODS = {"Md5": "md5", "SHA256": "sha256", "Sha256": "sha256"}
FAILED_STEPS = {"download": "-2", "verify": "-3", "flash": "-4"}
BLOCK_TRIES = 3
HTTP_TRIES = 5
# What the published sample sends every few seconds, to the topic that it has the wrong way round.
TELEMETRY = b'{"error":0,"wendu1":21.5,"zhuodu1":3,"yulv1":0.4,"yewei":71,"ph1":7.1,"shui":[1,0,1]}'


@dataclass(frozen=True)
class AliyunConfig:
    """Describe one device. `swapped_topics` adds the published sample's habit of using them the wrong way round."""

    host: str
    port: int
    product_key: str
    device_name: str
    secret: str
    module: str = "default"
    sign_method: str = "hmacsha256"
    timestamp: str = "2524608000000"
    asks: bool = True
    swapped_topics: bool = False
    block_bytes: int = 5120
    block_wait_s: float = 10.0
    cut_after_bytes: int = 0
    reconnect_s: float = 1.0
    patience_s: float = 10.0

    @property
    def client_id(self) -> str:
        """Return the client id with what the password signs."""
        own = f"{self.product_key}.{self.device_name}"
        return f"{own}|securemode=3,signmethod={self.sign_method},timestamp={self.timestamp}|"

    @property
    def password(self) -> str:
        """Return the password; the SDK writes it in upper case."""
        own = f"{self.product_key}.{self.device_name}"
        login = Login(own, self.device_name, self.product_key, self.sign_method, self.timestamp)
        return sign(login, self.secret).upper()

    def topic(self, channel: OtaChannel) -> str:
        """Return one of the device's topics."""
        return build_topic(channel, self.product_key, self.device_name)


def read_offer(payload: bytes) -> dict[str, Any] | None:
    """Return what the SDK makes of a push or a reply: its `data`, when all that it needs is there."""
    try:
        data = json.loads(payload)["data"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("size"), int):
        return None
    if any(not isinstance(data.get(name), str) for name in ("version", "sign")):
        return None
    by_url, by_mqtt = isinstance(data.get("url"), str), data.get("dProtocol") == "mqtt"
    return data if data.get("signMethod") in SIGN_METHODS and (by_url or by_mqtt) else None


class AliyunDevice(MqttLife):
    """Run one device: `await run()` until `await stop()`. The board's diary tells what happened."""

    def __init__(self, config: AliyunConfig, board: Board) -> None:
        super().__init__(config.device_name, config.reconnect_s)
        self.config = config
        self.board = board
        self._client: aiomqtt.Client | None = None
        self._blocks: asyncio.Queue[bytes] = asyncio.Queue()
        self._offers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._number = 0
        self._cut_after_bytes = config.cut_after_bytes

    def _connected_client(self) -> aiomqtt.Client:
        if self._client is None:
            raise RuntimeError("The board has no connection.")
        return self._client

    def _note_cut(self, error: Exception) -> None:
        self.board.note("disconnected", str(error))

    # --- the session

    async def _session(self) -> None:
        config = self.config
        async with aiomqtt.Client(
            config.host,
            config.port,
            identifier=config.client_id,
            username=f"{config.device_name}&{config.product_key}",
            password=config.password,
            keepalive=60,
            timeout=config.patience_s,
        ) as client:
            self._client = client
            self._offers, self._blocks = asyncio.Queue(), asyncio.Queue()
            hears = [OtaChannel.UPGRADE, OtaChannel.GET_REPLY, OtaChannel.DOWNLOAD_REPLY]
            for channel in hears + ([OtaChannel.INFORM] if config.swapped_topics else []):
                await client.subscribe(config.topic(channel), qos=1)
            await self._say_what_runs()
            self.connected.set()
            self.board.note("connected", self.board.running.version)
            await self._listen_and_update(client)

    async def _listen_and_update(self, client: aiomqtt.Client) -> None:
        tasks = {asyncio.create_task(self._listen(client)), asyncio.create_task(self._take_offers())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic, payload = str(message.topic), bytes(message.payload)
            if topic == self.config.topic(OtaChannel.DOWNLOAD_REPLY):
                self._blocks.put_nowait(payload)
            elif topic != self.config.topic(OtaChannel.INFORM):
                offer = read_offer(payload)
                self.board.note("offer" if offer else "no_offer", payload.decode("utf-8", "replace"))
                if offer:
                    self._offers.put_nowait(offer)

    async def _say_what_runs(self) -> None:
        if self.config.swapped_topics:
            await self._connected_client().publish(self.config.topic(OtaChannel.UPGRADE), TELEMETRY)
        params = {"version": self.board.running.version, **self._module()}
        await self._say(OtaChannel.INFORM, {"params": params})
        if self.config.asks:
            question = {"version": "1.0", "params": self._module(), "method": "thing.ota.firmware.get"}
            await self._say(OtaChannel.GET, question)

    def _module(self) -> dict[str, str]:
        return {} if self.config.module == "default" else {"module": self.config.module}

    async def _say(self, channel: OtaChannel, fields: dict[str, Any]) -> None:
        self._number += 1
        payload = json.dumps({"id": str(self._number), **fields}).encode()
        await self._connected_client().publish(self.config.topic(channel), payload, qos=1)

    async def _say_step(self, step: str, desc: str = "") -> None:
        await self._say(OtaChannel.PROGRESS, {"params": {"step": step, "desc": desc, **self._module()}})

    # --- the update

    async def _take_offers(self) -> None:
        while True:
            offer = await self._offers.get()
            if offer["version"] == self.board.running.version or self.board.counters["silence"]:
                continue
            if self.board.silent:
                self.board.note("silence")
                continue
            try:
                await self._update(offer)
            except (UpdateFailed, HttpFailure) as error:
                self.board.note("failed", str(error))
                await self._say_step(FAILED_STEPS[getattr(error, "step", "download")], str(error))
            except PowerCut:
                self.board.lose_power()
                raise

    async def _update(self, offer: dict[str, Any]) -> None:
        await self._say_step("0")
        data = await (self._by_url(offer) if "url" in offer else self._by_blocks(offer))
        if len(data) != offer["size"]:
            raise UpdateFailed("download", "The file has another size than the one that was told.")
        method = SIGN_METHODS[offer["signMethod"]]
        data = self.board.receive(data)
        self.board.verify(data, **{method: offer["sign"]})
        await self._say_step("100")
        # The STM32's UART is a wire in the same program, so a long feeding would hold up the loop.
        await asyncio.to_thread(self.board.flash, data, offer["version"])
        self.board.restart()
        raise Restart

    async def _by_url(self, offer: dict[str, Any]) -> bytes:
        data, told = b"", 0
        for _ in range(HTTP_TRIES):
            stop_bytes, self._cut_after_bytes = self._cut_after_bytes or None, 0
            wanted = {"Range": f"bytes={len(data)}-"}
            wish = Wish(offer["url"], wanted, timeout_s=self.config.patience_s, stop_after_bytes=stop_bytes)
            answer = await self.board.fetch(wish)
            _check_download(answer, len(data))
            data += answer.body
            self.board.pass_step("download")
            if len(data) >= offer["size"]:
                return data
            told = await self._tell_part(len(data), offer["size"], told)
        raise UpdateFailed("download", "The connection broke too often.")

    async def _by_blocks(self, offer: dict[str, Any]) -> bytes:
        data, told = b"", 0
        while len(data) < offer["size"]:
            block = await self._ask_block(
                offer, len(data), min(self.config.block_bytes, offer["size"] - len(data))
            )
            data += block
            self.board.pass_step("download")
            told = await self._tell_part(len(data), offer["size"], told)
        return data

    async def _tell_part(self, have_bytes: int, size_bytes: int, told: int) -> int:
        """Say how far it is, in steps of five per cent and never 100 before the image was checked."""
        percent = min(99, have_bytes * 100 // size_bytes)
        if percent < told + 5:
            return told
        await self._say_step(str(percent))
        return percent

    async def _ask_block(self, offer: dict[str, Any], offset: int, size_bytes: int) -> bytes:
        """Ask up to three times; the request is printed as the SDK prints it, comma before the brace included."""
        for _ in range(BLOCK_TRIES):
            self._number += 1
            request = (
                f'{{"id":"{self._number}","version":"1.0","params":{{"fileToken":"default","fileInfo":'
                f'{{"streamId":{offer["streamId"]},"fileId":{offer["streamFileId"]},}},'
                f'"fileBlock":{{"size":{size_bytes},"offset":{offset}}}}}}}'
            )
            await self._connected_client().publish(self.config.topic(OtaChannel.DOWNLOAD), request, qos=0)
            data = await self._await_block(offset, size_bytes)
            if data is not None:
                return data
        raise UpdateFailed("download", f"The block at {offset} did not come in {BLOCK_TRIES} tries.")

    async def _await_block(self, offset: int, size_bytes: int) -> bytes | None:
        until_s = time.monotonic() + self.config.block_wait_s
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                payload = await asyncio.wait_for(self._blocks.get(), left_s)
            except TimeoutError:
                return None
            block = aliyun_blocks.decode_reply(payload)
            if block is None or block.code != 200:
                self.board.note("bad_block", block.message if block else "damaged")
                return None
            # A late answer to an earlier try is passed over.
            if block.offset == offset and len(block.data) == size_bytes:
                return block.data
        return None


def _check_download(answer: Fetched, offset: int) -> None:
    if answer.status != 206 and not (answer.status == 200 and offset == 0):
        raise UpdateFailed("download", f"The download was answered with {answer.status}.")
    if "Content-Length" not in answer.spelled:
        raise UpdateFailed("download", "The answer has no header spelled Content-Length.")
