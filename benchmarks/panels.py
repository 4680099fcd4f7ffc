"""A picture pushed to panels in packets, beside the bare ping-pong of as many packets and the published sender.

All go through the same broker to the same boards, which answer every packet as the protocol says; the bare programs
use topics of their own, or the hub would have to read every answer to them and take that into its next turn. The time
is the boards': from the first packet that any of them got to the last answer that any of them gave.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from benchmarks.hubs import OWNER, in_hub
from benchmarks.load import ROOT
from benchmarks.measuring import alternate, median, ratio, spread, table
from benchmarks.servers import running
from devices.protocol.pictures.receiver import Receiver
from tests.hub_process import HubProcess, free_ports, running_hub

_HUB, _BARE, _PUBLISHED = "PhotoHub", "bare ping-pong", "published sender"
_HUB_TOPICS, _BARE_TOPICS = "photohub", "bare"


@dataclass(frozen=True)
class Size:
    rounds: int
    devices: tuple[int, ...] = (1, 20, 200)
    picture_bytes: int = 55_722


TINY = Size(1, (1, 2), 4_000)
SHORT = Size(5)
LONG = Size(15)


def run(size: Size) -> dict[str, Any]:
    """Push the same picture to one, some and many boards at once. Returns seconds by number and sender."""
    cells: dict[str, dict[str, list[float]]] = {}
    with (
        _mosquitto() as port,
        running_hub(env=OWNER | {"PHOTOHUB_MQTT_URL": f"mqtt://127.0.0.1:{port}"}) as hub,
    ):
        codes = in_hub(hub.env, "add_panels", count=max(size.devices))
        with Boards(port, codes) as boards:
            for count in size.devices:
                cells[str(count)] = _measure(hub, port, boards, codes[:count], size)
    return {"rounds": size.rounds, "picture_bytes": size.picture_bytes, "cells": cells}


def _measure(hub: HubProcess, port: int, boards: "Boards", codes: list[str], size: Size) -> dict:
    senders = [_HUB, _BARE, *([_PUBLISHED] if len(codes) == 1 else [])]

    def push(name: str) -> float:
        boards.begin(codes)
        if name == _HUB:
            in_hub(hub.env, "push_pictures", codes=codes, size_bytes=size.picture_bytes)
        else:
            _ping_pong(port, codes, size, published=name == _PUBLISHED)
            if name == _PUBLISHED:
                return boards.elapsed_or_second()
        return boards.elapsed(within_s=120)

    push(_BARE)
    return alternate(size.rounds, senders, push)


def _ping_pong(port: int, codes: list[str], size: Size, published: bool) -> None:
    topics = ",".join(f"{_BARE_TOPICS}/{code}/picture={_BARE_TOPICS}/{code}/picture/ack" for code in codes)
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers.bare_ping_pong",
        str(port),
        str(size.picture_bytes),
        topics,
    ]
    subprocess.run(
        [*command, *(["published"] if published else [])], cwd=ROOT, check=True, capture_output=True
    )


class Boards:
    """All boards, on one connection in a thread of their own."""

    def __init__(self, port: int, codes: list[str]) -> None:
        self._port = port
        self._receivers = {code: Receiver() for code in codes}
        self._awaited: set[str] = set()
        self._first = self._last = 0.0
        self._whole = threading.Event()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._run(),), daemon=True
        )

    def __enter__(self) -> "Boards":
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("The boards could not connect.")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)

    def begin(self, codes: list[str]) -> None:
        """Wait for a new picture on these boards."""
        for code in codes:
            self._receivers[code].restart()
            self._receivers[code].picture = None
        self._first = self._last = 0.0
        self._whole.clear()
        self._awaited = set(codes)

    def elapsed(self, within_s: float) -> float:
        """Return the seconds from the first packet to the last answer, once all have their picture."""
        if not self._whole.wait(within_s):
            raise RuntimeError(f"{len(self._awaited)} boards did not get their picture.")
        return self._last - self._first

    def elapsed_or_second(self) -> float:
        """Return the time until the published sender says that it is done, which it looks for once a second."""
        return float(int(self._last - self._first) + 1)

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        with contextlib.suppress(asyncio.CancelledError):
            async with aiomqtt.Client("127.0.0.1", self._port, max_queued_outgoing_messages=0) as client:
                paho = client._client
                paho.on_message = lambda _client, _data, message: self._take(paho, message)
                for first in (_HUB_TOPICS, _BARE_TOPICS):
                    await client.subscribe([(f"{first}/{code}/picture", 0) for code in self._receivers])
                self._ready.set()
                await asyncio.Event().wait()

    def _take(self, paho, message) -> None:
        first, code, _channel = message.topic.split("/")
        receiver = self._receivers[code]
        now = time.perf_counter()
        self._first = self._first or now
        answer = receiver.take(message.payload)
        if answer:
            paho.publish(f"{first}/{code}/picture/ack", answer)
        self._last = time.perf_counter()
        if receiver.picture is not None:
            self._awaited.discard(code)
            if not self._awaited:
                self._whole.set()


@contextlib.contextmanager
def _mosquitto() -> Iterator[int]:
    """Run a broker that lets everybody in; only for programs on this machine."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "mosquitto.conf"
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with running([program, "-c", str(conf)], port):
            yield port


def report(result: dict[str, Any]) -> str:
    """Return the result as a table: times, and the ratio to the bare ping-pong within each round."""
    rows = []
    packets = -(-result["picture_bytes"] // 1400) + 2
    for count, times in result["cells"].items():
        for name, values in times.items():
            per_packet = 1000 * median(values) / packets
            shown = [ratio(values, times[_BARE]), f"{spread(values):.0%}"]
            rows.append((count, name, 1000 * median(values), per_packet, *shown))
    head = ("devices at once", "sender", "all have it, ms", "ms a packet each", "ratio", "spread")
    return table(head, rows)


if __name__ == "__main__":
    print(json.dumps(run(TINY)))
