"""The embedded form on a PostgreSQL server that is stopped and killed again and again."""

import asyncio
import contextlib
import hashlib
import itertools
import json
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.faults.hub import wait_until
from tests.faults.ledger import Ledger, compare, make_picture
from tests.faults.rounds import rounds
from tests.hub_process import HubProcess, running_hub
from tests.production import postgres

REFUSED_S = 2.6
# A publisher's own patience: it says again what nobody acknowledged by then.
ACKNOWLEDGED_S = 4.0
SERVED_S = 20.0


class Board:
    """Publishes pictures and telemetry by MQTT, each until the broker has acknowledged it, as boards do."""

    def __init__(self, hub: HubProcess, made: dict[str, str], topic: str) -> None:
        self.acknowledged: list[str] = []
        self._port, self._made, self._topic = hub.mqtt_port, made, topic
        self._battery_mv = itertools.count(3000)

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Publish while the block runs, and end when the last picture is acknowledged."""
        stopped = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._publish_all(stopped)))
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    async def _publish_all(self, stopped: threading.Event) -> None:
        login = {"username": self._made["code"], "password": self._made["key"]}
        frame = make_picture(2000)
        while not stopped.is_set():
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                async with aiomqtt.Client("127.0.0.1", self._port, **login, timeout=ACKNOWLEDGED_S) as client:
                    while not stopped.is_set():
                        said = json.dumps({"battery_mv": next(self._battery_mv)})
                        telemetry = f"photohub/{self._made['code']}/telemetry"
                        await asyncio.gather(
                            client.publish(self._topic, frame, qos=1),
                            *(client.publish(telemetry, said, qos=1) for _ in range(3)),
                        )
                        self.acknowledged.append(hashlib.sha256(frame).hexdigest())
                        frame = make_picture(2000)
            await asyncio.sleep(0.1)

    def wait_for(self, count: int) -> None:
        """Wait until so many more pictures are acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, SERVED_S, "the board is heard")


@pytest.fixture
def database() -> Iterator[postgres.Database]:
    with tempfile.TemporaryDirectory(prefix="photohub-pg-", ignore_cleanup_errors=True) as folder:
        database = postgres.Database(Path(folder))
        database.start()
        try:
            yield database
        finally:
            database.stop(signal.SIGKILL)


def captures(database: postgres.Database, code: str) -> list[dict]:
    sql = """
        SELECT c.id, c.name, c.sha256, c.path FROM media_pipeline_capture c
        JOIN devices_device d ON d.id = c.device_id WHERE d.code = %s"""
    with psycopg.connect(database.url, row_factory=dict_row) as connection:
        return connection.execute(sql, [code]).fetchall()


def board_of(hub: HubProcess, database: postgres.Database, code: str) -> Board:
    made = hub.add_device(code, "k230")
    change = "UPDATE devices_device SET stream_policy = 'every' WHERE code = %s RETURNING frame_topic"
    with psycopg.connect(database.url, autocommit=True) as connection:
        [(topic,)] = connection.execute(change, [code]).fetchall()
    return Board(hub, made, topic)


@pytest.mark.measures_time("cameras are refused within 2 s, and served again within 20 s of the return")
def test_without_its_database_the_hub_refuses_in_time_and_keeps_what_it_acknowledged(database):
    with running_hub(env={"DATABASE_URL": database.url}, prepared=False) as hub:
        # The answer may be lost with the database's connection during the commit.
        camera = Ledger(hub.url, hub.add_device("porch")["key"], unsure=True)
        board = board_of(hub, database, "gate")
        with camera.load(senders=2, per_second=4), board.load():
            for number in range(rounds(1)):
                camera.wait_for(5)
                board.wait_for(3)
                database.stop((signal.SIGTERM, signal.SIGKILL)[number % 2])
                since = len(camera.entries)
                camera.wait_for(8, "unknown")
                refused = [entry for entry in camera.entries[since:] if entry.took_s]
                database.start()
                camera.wait_for(1)
                board.wait_for(3)
                assert {(e.status, e.answer.get("err")) for e in refused} == {(503, "db")}
                assert max(entry.took_s for entry in refused) < REFUSED_S
        compare(camera, captures(database, "porch"), hub.data / "pictures")
        camera.replay_unknown()
        compare(camera, captures(database, "porch"), hub.data / "pictures")
        stored = Counter(row["sha256"] for row in captures(database, "gate"))
        assert set(board.acknowledged) <= set(stored)
