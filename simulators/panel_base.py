"""A panel that receives pictures over MQTT in packets, as the device called BASE of the published protocol does.

It answers each packet on its own topic. Its faults are those of boards in the field: a bad network in both
directions, packets that come broken, answers with wrong numbers, a slow flash, a restart in the middle.
"""

import asyncio
import random
import socket
from dataclasses import dataclass
from pathlib import Path

import aiomqtt

from devices.protocol.pictures.packets import MAX_BYTES, decode_ack, encode_ack
from devices.protocol.pictures.receiver import AckStyle, Receiver
from simulators.device import Diary, MqttLife, PowerCut, pull_the_plug, say_status, will_of
from simulators.lossy import BadPost

PICTURE_TOPIC = "mqttTestPub"
ACK_TOPIC = "mqttTestSub"
# Without it the system holds an answer back for 40 ms when another small packet went out just before.
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@dataclass(frozen=True)
class PanelConfig:
    """Describe one panel. Shares are 0 to 1; `lost`, `repeated` and `swapped` count in each direction.

    `broken` packets come one byte short. `wrong_numbers` are answers that name the packet two further on.
    `restart_after` so many packets the board loses its power, once; 0 for never. Pictures go into `folder`.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    code: str = ""
    key: str = ""
    picture_topic: str = PICTURE_TOPIC
    ack_topic: str = ACK_TOPIC
    status_topic: str = ""
    ack_base: int = 0
    ack_style: AckStyle = "data"
    window: int = 1
    max_bytes: int = MAX_BYTES
    lost: float = 0.0
    repeated: float = 0.0
    swapped: float = 0.0
    broken: float = 0.0
    wrong_numbers: float = 0.0
    slow_s: float = 0.0
    restart_after: int = 0
    folder: Path | None = None
    reconnect_s: float = 2.0
    seed: int = 0


class PanelBase(MqttLife, Diary):
    """Run one panel: `await run()` until `await stop()`. `picture` is the newest that came whole."""

    def __init__(self, config: PanelConfig) -> None:
        super().__init__(config.code, config.reconnect_s)
        self.config = config
        self._receiver = Receiver(config.ack_base, config.ack_style, config.window, config.max_bytes)
        self._luck = random.Random(config.seed)
        post = {"lost": config.lost, "repeated": config.repeated, "swapped": config.swapped}
        self._there: BadPost[bytes] = BadPost(**post, seed=config.seed)
        self._back: BadPost[bytes] = BadPost(**post, seed=config.seed + 1)

    @property
    def picture(self) -> bytes | None:
        return self._receiver.picture

    def _start_again(self) -> float:
        self.note("restart")
        self._receiver.restart()
        return self.config.reconnect_s

    def _note_cut(self, error: Exception) -> None:
        super()._note_cut(error)
        self.note("disconnected", str(error))

    def _client(self) -> aiomqtt.Client:
        config = self.config
        return aiomqtt.Client(
            config.host,
            config.port,
            identifier=config.code or f"BASE-{config.seed}",
            username=config.code or None,
            password=config.key if config.code else None,
            keepalive=60,
            socket_options=[NO_DELAY],
            will=will_of(config.status_topic),
        )

    async def _session(self) -> None:
        async with self._client() as client:
            await client.subscribe(self.config.picture_topic, qos=0)
            await say_status(client, self.config.status_topic, b"online")
            self.note("connected")
            self.connected.set()
            try:
                async for message in client.messages:
                    for packet in self._there.carry(bytes(message.payload)):
                        await self._take(client, packet)
            except asyncio.CancelledError:
                await say_status(client, self.config.status_topic, b"offline")
                raise

    async def _take(self, client: aiomqtt.Client, packet: bytes) -> None:
        config = self.config
        self.counters["packet"] += 1
        if self.counters["packet"] == config.restart_after:
            await pull_the_plug(client)
            raise PowerCut
        if self._luck.random() < config.broken:
            packet = packet[:-1]
        pictures = self._receiver.counters["picture"]
        answer = self._receiver.take(packet)
        if self._receiver.counters["picture"] > pictures:
            await self._show()
        if config.slow_s:
            await asyncio.sleep(config.slow_s)
        if answer is None:
            self.counters["junk"] += 1
            return
        for carried in self._back.carry(self._misnumber(answer)):
            await client.publish(config.ack_topic, carried)
            self.counters["answer"] += 1

    def _misnumber(self, answer: bytes) -> bytes:
        """Return the answer with another number now and then."""
        if self._luck.random() >= self.config.wrong_numbers:
            return answer
        self.counters["wrong number"] += 1
        ack = decode_ack(answer)
        if ack is None:
            return answer
        return encode_ack(ack.function, min(ack.number + 2, 0x7FFF), ack.whole)

    async def _show(self) -> None:
        """Keep the picture before its end is acknowledged, as a panel shows it."""
        picture = self._receiver.picture or b""
        number = self._receiver.counters["picture"]
        self.note("picture", f"{len(picture)} bytes")
        if self.config.folder is not None:
            # The name in the protocol comes from outside and is no path.
            path = self.config.folder / f"{self.config.code or 'panel'}-{number:04d}.jpg"
            await asyncio.to_thread(path.write_bytes, picture)
