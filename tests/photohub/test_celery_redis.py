"""A worker whose Redis dies while it works goes on soon after Redis is back."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from photohub.celery import app as photohub_app
from tests.faults.hub import wait_until
from tests.media_pipeline.redis_server import running_redis

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


def test_a_worker_with_tasks_under_way_goes_on_after_redis_was_lost(tmp_path):
    options = {
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        "broker_connection_max_retries": settings.CELERY_BROKER_CONNECTION_MAX_RETRIES,
    }
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as server:
        broker = f"redis+socket://{server.socket}"
        (tmp_path / "program.py").write_text(PROGRAM.format(broker=broker, options=options))
        command = ["-m", "celery", "-A", "program", "worker", "-P", "threads", "-c", "4", "--without-mingle"]
        environment = {"PYTHONPATH": f"{tmp_path}:{settings.BASE_DIR}", "PATH": "/usr/bin"}
        with (tmp_path / "log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, *command], cwd=tmp_path, env=environment, stdout=log, stderr=log
            )
        try:
            app = Celery("caller", broker=broker, set_as_current=False)
            app.send_task("mark", ["first"])
            wait_until((tmp_path / "first.begun").exists, 20, "the worker works")
            server.stop()
            wait_until(
                lambda: "Connection to broker lost" in read(tmp_path) or worker.poll(),
                10,
                "the worker sees it",
            )
            server.start()
            (tmp_path / "first").touch()
            (tmp_path / "second").touch()
            app.send_task("mark", ["second"])
            ended = lambda: (tmp_path / "second.done").exists() or worker.poll() is not None  # noqa: E731
            wait_until(ended, 20, "the next task is done", lambda: read(tmp_path))
            assert worker.poll() is None, read(tmp_path)
        finally:
            worker.kill()
            worker.wait(10)


def test_a_worker_looks_often_enough_whether_redis_is_back(monkeypatch):
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)
    pauses: list[float] = []
    lost = photohub_app.connection_for_read("redis://127.0.0.1:1/0")
    with pytest.raises(OperationalError):
        lost.ensure_connection(lambda error, pause: pauses.append(pause), 8)
    assert pauses == [2, 4, 5, 5, 5, 5, 5, 5]


def read(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")
