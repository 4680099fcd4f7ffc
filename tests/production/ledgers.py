"""Cameras of the production form that keep a ledger, over HTTP and over MQTT."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Protocol

import aiomqtt
from psycopg.rows import dict_row

from tests.faults.ledger import Entry, Ledger, compare
from tests.production.stack import Stack

ANSWERED_WITHIN_S = 6.0
_PIECE_BYTES = 16_384
_PAUSE_S = 0.3


def http_camera(stack: Stack, code: str) -> Ledger:
    """Add a camera that uploads through nginx."""
    # nginx answers 503 when a web server dies under a request, stored or not.
    return Ledger(stack.url, stack.add_device(code)["key"], prefix=code, unsure=True)


class Hub(Protocol):
    """Where a camera is added, and where it sends: a stack, or several machines."""

    url: str
    ports: dict[str, int]

    def add_device(self, code: str) -> dict[str, str]: ...


class MqttLedger(Ledger):
    """A camera that sends files in pieces; only the hub's answer to `fin` counts, not the broker's."""

    def __init__(self, hub: Hub, code: str) -> None:
        self.made = hub.add_device(code)
        self.mqtt_port = hub.ports["mosquitto"]
        # Longer on a machine that is too slow: what a camera gives up is handled before what it sends next.
        self.answered_within_s = ANSWERED_WITHIN_S
        super().__init__(hub.url, self.made["key"], prefix=code, unsure=True)

    async def _load(self, stopped: threading.Event, senders: int, size_bytes: int, per_second: float) -> None:
        while not stopped.is_set():
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                async with self._client() as client:
                    await client.subscribe(f"photohub/{self.made['code']}/file/+/response", qos=1)
                    while not stopped.is_set():
                        await self._send_file(client, self.new_entry(size_bytes))
                        await asyncio.sleep(_PAUSE_S)
            await asyncio.sleep(0.2)

    def _client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1", self.mqtt_port, username=self.made["code"], password=self.key, timeout=3
        )

    async def _send_file(self, client: aiomqtt.Client, entry: Entry) -> None:
        base = f"photohub/{self.made['code']}/file/{entry.name}"
        async with asyncio.timeout(self.answered_within_s):
            about = {"name": entry.name, "size": len(entry.data)}
            await client.publish(f"{base}/init", json.dumps(about), qos=1)
            for at in range(0, len(entry.data), _PIECE_BYTES):
                await client.publish(f"{base}/{at}", entry.data[at : at + _PIECE_BYTES], qos=1)
            await client.publish(f"{base}/fin/{len(entry.data)}", b"", qos=1)
            async for message in client.messages:
                said = json.loads(message.payload)
                if f"{base}/fin/" in said["topic"]:
                    break
        if said["reason_code"] == 0:
            entry.outcome = "ok"


def captures(stack: Stack, code: str) -> list[dict]:
    """Return the stored pictures of a device."""
    with stack.connect() as connection:
        return (
            connection.cursor(row_factory=dict_row)
            .execute(
                "SELECT c.id, c.name, c.sha256, c.path FROM media_pipeline_capture c "
                "JOIN devices_device d ON d.id = c.device_id WHERE d.code = %s",
                [code],
            )
            .fetchall()
        )


def check(stack: Stack, *ledgers: Ledger) -> None:
    """Compare ledgers and hub, send again what was unknown, compare again."""
    for ledger in ledgers:
        code = ledger.entries[0].name.rpartition("-")[0]
        compare(ledger, captures(stack, code), stack.data / "pictures")
        ledger.replay_unknown()
        compare(ledger, captures(stack, code), stack.data / "pictures")


def owed(stack: Stack, code: str) -> int:
    """Return how many pictures of a device wait for their thumbnail or their copy."""
    sql = """
        SELECT count(*) FROM media_pipeline_capture c JOIN devices_device d ON d.id = c.device_id
        JOIN media_pipeline_ossobject o ON o.capture_id = c.id
        WHERE d.code = %s AND (c.thumbnail_state <> 'done' OR o.state <> 'mirrored')"""
    return stack.query(sql, code)[0][0]


@contextlib.contextmanager
def under_load(*ledgers: Ledger, senders: int = 4, per_second: float = 6) -> Iterator[None]:
    """Let all of them send while the block runs, and leave most of the machine to the stack."""
    with contextlib.ExitStack() as stacked:
        for ledger in ledgers:
            stacked.enter_context(ledger.load(senders=senders, per_second=per_second))
        yield


def send_some(ledger: Ledger, count: int = 24) -> float:
    """Send at an even pace; every answer must be code 0. Returns the longest of their times."""
    since = len(ledger.entries)
    with under_load(ledger, senders=3, per_second=12):
        ledger.wait_for(count, within_s=40)
    assert {entry.outcome for entry in ledger.entries[since:]} == {"ok"}
    return ledger.p99_s(since)
