import threading
import time

import pytest
from celery import Celery
from kombu.transport import memory

from photohub.embedded import worker as worker_module
from photohub.embedded.worker import EmbeddedWorker


def test_a_worker_that_cannot_import_its_tasks_is_not_started(monkeypatch):
    def fail() -> None:
        raise ImportError("a module of tasks is broken")

    app = Celery("test", broker="memory://")
    monkeypatch.setattr(app.loader, "import_default_modules", fail)
    worker = EmbeddedWorker(app)
    with pytest.raises(ImportError):
        worker.start()
    assert not worker.alive


@pytest.fixture
def app():
    made = Celery("test", broker="memory://", set_as_current=False)
    made.conf.broker_transport_options = {"polling_interval": 0.01}
    yield made
    memory.Channel.queues.clear()


def start(app: Celery) -> EmbeddedWorker:
    worker = EmbeddedWorker(app)
    worker.start()
    until_s = time.monotonic() + 10
    while not app.control.ping(timeout=0.1):
        assert time.monotonic() < until_s
    return worker


@pytest.mark.measures_time("left alone it stops within 2 s, and the margin is half of it")
def test_a_worker_that_waits_for_work_stops_at_once_and_in_silence(app, caplog):
    worker = start(app)
    begun_s = time.monotonic()
    assert worker.stop() and not worker.alive
    # Left alone, it looks up every 2 s.
    assert time.monotonic() - begun_s < 1.0
    assert not [record for record in caplog.records if "shutdown" in record.getMessage()]


def test_a_worker_that_has_not_begun_to_listen_stops_as_well(app):
    worker = EmbeddedWorker(app)
    worker.start()
    assert worker.stop() and not worker.alive


def test_a_running_task_is_finished_before_the_end(app):
    begun, may_end, done = threading.Event(), threading.Event(), []

    @app.task
    def slow() -> None:
        begun.set()
        done.append(may_end.wait(5))

    worker = start(app)
    slow.delay()
    assert begun.wait(5)
    threading.Timer(0.3, may_end.set).start()
    assert worker.stop() and done == [True]


def test_a_schedule_that_stops_is_started_again(app, monkeypatch):
    began, errors = threading.Semaphore(0), [RuntimeError("what nobody thought of")]

    class Stumbling(worker_module.SteadyScheduler):
        def tick(self, *args, **kwargs):
            began.release()
            if errors:
                raise errors.pop()
            return super().tick(*args, **kwargs)

    monkeypatch.setattr(worker_module, "SteadyScheduler", Stumbling)
    worker = start(app)
    assert began.acquire(timeout=20) and began.acquire(timeout=20)
    assert worker.stop()
