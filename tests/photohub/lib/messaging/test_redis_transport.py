"""A worker whose Redis dies, or refuses, while it works goes on soon after Redis is well again."""

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from photohub.celery import app as photohub_app
from photohub.lib.messaging import redis_transport
from tests.faults.hub import wait_until
from tests.redis_server import RedisServer, running_redis

PROGRAM = """
import pathlib, time
import photohub.celery  # which knows the way to Redis
from celery import Celery

app = Celery("worker", broker="{broker}")
app.conf.update({options})

@app.task(name="mark")
def mark(name):
    pathlib.Path(name + ".begun").touch()
    while not pathlib.Path(name).exists():
        time.sleep(0.02)
    pathlib.Path(name + ".done").touch()
"""
OPTIONS = (
    "TASK_ACKS_LATE",
    "WORKER_PREFETCH_MULTIPLIER",
    "BROKER_CHANNEL_ERROR_RETRY",
    "BROKER_CONNECTION_MAX_RETRIES",
)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    # A folder of its own, because the path of a socket must be short.
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as running:
        yield running


class Worker:
    """A worker with the hub's settings, whose one task ends when a file is there."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self._losses = 0
        broker = f"redis+socket://{server.socket}"
        options = {name.lower(): getattr(settings, f"CELERY_{name}") for name in OPTIONS}
        (folder / "program.py").write_text(PROGRAM.format(broker=broker, options=options))
        self.app = Celery("caller", broker=broker, set_as_current=False)
        command = ["-m", "celery", "-A", "program", "worker", "-P", "threads", "-c", "4", "--without-mingle"]
        environment = {"PYTHONPATH": f"{folder}:{settings.BASE_DIR}", "PATH": "/usr/bin"}
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def begin(self, task: str) -> None:
        self.app.send_task("mark", [task])
        self.wait_for(lambda: (self.folder / f"{task}.begun").exists(), "it works")

    def end(self, task: str) -> None:
        (self.folder / task).touch()
        self.wait_for(lambda: (self.folder / f"{task}.done").exists(), "the task is done")

    def wait_for(self, condition, what: str) -> None:
        wait_until(lambda: condition() or self.process.poll() is not None, 60, what, lambda: self.log)
        assert self.process.poll() is None, self.log

    def sees_the_loss(self) -> bool:
        """Tell whether it lost Redis once more than it had when this was last true."""
        losses = self.log.count("Connection to broker lost")
        sees, self._losses = losses > self._losses, losses
        return sees


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Iterator[Worker]:
    """One worker for the tests that take its Redis away."""
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as server:
        worker = Worker(server, tmp_path_factory.mktemp("worker"))
        yield worker
        worker.process.kill()
        worker.process.wait(10)


def test_a_worker_with_tasks_under_way_goes_on_after_redis_was_lost(worker):
    server = worker.server
    worker.begin("first")
    server.stop()
    worker.wait_for(worker.sees_the_loss, "it sees the loss")
    server.start()
    worker.end("first")
    worker.begin("second")
    worker.end("second")


def test_a_worker_goes_on_after_redis_took_no_writes(worker):
    worker.begin("third")
    worker.end("third")
    with redis.Redis(unix_socket_path=worker.server.socket) as admin:
        # As at a change of the primary. A full disk and full memory are refused in the same class of errors.
        admin.replicaof("127.0.0.1", "1")
        worker.wait_for(worker.sees_the_loss, "it sees the refusal")
        admin.replicaof("NO", "ONE")
    worker.begin("fourth")
    worker.end("fourth")


def test_a_worker_looks_often_enough_whether_redis_is_back(monkeypatch):
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)
    pauses: list[float] = []
    lost = photohub_app.connection_for_read("redis://127.0.0.1:1/0")
    with pytest.raises(OperationalError):
        lost.ensure_connection(lambda error, pause: pauses.append(pause), 8)
    assert pauses == [2, 4, 5, 5, 5, 5, 5, 5]


def test_without_a_worker_no_more_messages_wait_than_have_a_use(server, monkeypatch):
    monkeypatch.setattr(redis_transport, "WAITING_AT_MOST", 20)
    app = Celery("caller", broker=f"redis+socket://{server.socket}", set_as_current=False)
    for number in range(50):
        app.send_task("mark", [number])
    with redis.Redis(unix_socket_path=server.socket) as client:
        waiting = [
            json.loads(base64.b64decode(json.loads(m)["body"]))[0][0] for m in client.lrange("celery", 0, -1)
        ]
    # The newest are kept: they say what is true now.
    assert waiting == list(range(49, 29, -1))
