import threading
from concurrent.futures import wait

import pytest
from django.db import OperationalError

from devices.events.models import ServiceBeat
from photohub.embedded import worker as worker_module
from photohub.embedded.worker import EmbeddedWorker
from photohub.lib.messaging import enqueue, tasks

pytestmark = pytest.mark.django_db(transaction=True)

FEW_MS = 0.005


@pytest.fixture
def registered(monkeypatch):
    """The tasks of this test alone, and those that look for rows among them."""
    monkeypatch.setattr(worker_module, "TASKS", {})
    monkeypatch.setattr(worker_module, "WAITS", {})
    return worker_module.TASKS


@pytest.fixture
def begin(registered):
    """Return what starts a worker with this schedule; it is stopped at the end of the test."""
    begun = []

    def start(*lines: tuple[str, float]) -> EmbeddedWorker:
        begun.append(EmbeddedWorker(lines))
        begun[-1].start()
        return begun[-1]

    yield start
    assert all(worker.stop() for worker in begun)


def done(*futures) -> None:
    assert not wait(futures, 10).not_done


def test_a_worker_that_cannot_import_its_tasks_is_not_started(monkeypatch):
    def fail(_name: str) -> None:
        raise ImportError("a module of tasks is broken")

    monkeypatch.setattr(worker_module, "autodiscover_modules", fail)
    with pytest.raises(ImportError):
        EmbeddedWorker([]).start()


def test_the_schedule_names_tasks_that_there_are():
    worker_module.autodiscover_modules("tasks")
    named = {task for task, _every_s in EmbeddedWorker()._lines}
    assert named <= tasks.TASKS.keys() and tasks.WAITS.keys() <= named


def test_what_is_enqueued_is_done_with_its_ids(registered, begin):
    heard, came = [], threading.Event()
    registered["mirror"] = lambda ids: (heard.append(ids), came.set())
    begin()
    # The hub's own one may be quiet, because something failed in a test before.
    enqueue.Enqueuer().send_task("mirror", [7, "a"])
    assert came.wait(10) and heard == [["7", "a"]]


def test_a_task_that_fails_is_told_of_and_keeps_no_other_from_its_turn(registered, begin, caplog):
    heard = []
    registered |= {"broken": lambda ids: 1 / 0, "sound": heard.append}
    worker = begin()
    done(*[worker.put("broken", [[]]) for _ in range(2 * worker_module.CONCURRENCY)])
    done(worker.put("sound", [["a"]]), worker.put("nobody knows it", [[]]))
    assert heard == [["a"]]
    assert [r.levelname for r in caplog.records if "nobody knows it" in r.getMessage()] == ["ERROR"]


def test_a_database_that_is_away_is_told_of_in_a_line(registered, begin, caplog):
    def fail(_ids) -> None:
        raise OperationalError("gone")

    registered["mirror"] = fail
    done(begin().put("mirror", [[]]))
    (line,) = [r for r in caplog.records if "mirror" in r.getMessage()]
    assert line.levelname == "WARNING" and line.exc_info is None


def test_no_more_tasks_wait_than_have_a_use(registered, begin, monkeypatch):
    monkeypatch.setattr(worker_module, "WAITING_AT_MOST", 10)
    may_end = threading.Event()
    registered["slow"] = lambda _ids: may_end.wait(10)
    worker = begin()
    put = [worker.put("slow", [[n]]) for n in range(30)]
    assert [future is not None for future in put] == [True] * 10 + [False] * 20
    may_end.set()
    done(*put[:10])
    assert worker.put("slow", [[]]) is not None


def test_a_running_task_is_finished_before_the_end_and_what_waits_is_left(registered):
    begun, may_end, ended = threading.Semaphore(0), threading.Event(), []

    def slow(_ids) -> None:
        begun.release()
        ended.append(may_end.wait(5))

    registered["slow"] = slow
    worker = EmbeddedWorker([])
    worker.start()
    for _ in range(worker_module.CONCURRENCY + 2):
        worker.put("slow", [[]])
    assert all(begun.acquire(timeout=5) for _ in range(worker_module.CONCURRENCY))
    threading.Timer(0.1, may_end.set).start()
    assert worker.stop() and ended == [True] * worker_module.CONCURRENCY
    assert worker.put("slow", [[]]) is None


def test_a_task_that_hangs_is_told_of_at_the_end(registered, monkeypatch):
    monkeypatch.setattr(worker_module, "_STOP_S", 0.1)
    begun, may_end = threading.Event(), threading.Event()
    registered["hangs"] = lambda _ids: begun.set() or may_end.wait(10)
    worker = EmbeddedWorker([])
    worker.start()
    worker.put("hangs", [[]])
    assert begun.wait(5) and not worker.stop()
    may_end.set()


class Counted:
    """A task that lets a test wait until it was done so many times."""

    def __init__(self, after=lambda: None) -> None:
        self._times, self._after = threading.Semaphore(0), after

    def __call__(self) -> None:
        self._times.release()
        self._after()

    def came(self, times: int = 1) -> bool:
        return all(self._times.acquire(timeout=10) for _ in range(times))

    def forget(self) -> None:
        while self._times.acquire(blocking=False):
            pass


def test_the_schedule_has_a_task_done_again_and_again_also_one_that_fails(registered, begin):
    registered |= {"beat": Counted(), "broken": Counted(lambda: 1 / 0)}
    begin(("broken", FEW_MS), ("beat", FEW_MS))
    assert registered["broken"].came(3) and registered["beat"].came(3)


def test_what_is_done_seldom_does_not_begin_with_the_hub(registered, begin):
    registered |= {"beat": Counted(), "tidy": Counted()}
    begin(("tidy", 600.0), ("beat", FEW_MS))
    assert registered["beat"].came(3) and not registered["tidy"]._times.acquire(blocking=False)


def test_a_turn_that_hangs_is_not_begun_once_more(registered, begin):
    may_end = threading.Event()
    registered |= {"hangs": Counted(lambda: may_end.wait(10)), "beat": Counted()}
    begin(("hangs", FEW_MS), ("beat", FEW_MS))
    assert registered["hangs"].came() and registered["beat"].came(5)
    assert not registered["hangs"]._times.acquire(blocking=False)
    may_end.set()
    assert registered["hangs"].came()


def test_a_schedule_that_stumbles_goes_on(registered, begin, monkeypatch):
    take, errors = EmbeddedWorker._take_turns, [RuntimeError("what nobody thought of")]

    def stumble(self, turns) -> None:
        if errors:
            raise errors.pop()
        take(self, turns)

    monkeypatch.setattr(EmbeddedWorker, "_take_turns", stumble)
    registered["beat"] = Counted()
    begin(("beat", FEW_MS))
    assert registered["beat"].came(2) and not errors


def test_rows_are_looked_for_after_a_commit_and_not_while_nothing_happens(registered, begin):
    registered |= {"sweep": Counted(), "beat": Counted()}
    worker_module.WAITS["sweep"] = lambda: False
    begin(("sweep", FEW_MS), ("beat", FEW_MS))
    assert registered["sweep"].came() and registered["beat"].came(5)
    registered["sweep"].forget()
    registered["beat"].forget()
    assert registered["beat"].came(5) and not registered["sweep"]._times.acquire(blocking=False)
    ServiceBeat.objects.create(name="news")
    assert registered["sweep"].came()


def test_rows_that_wait_for_a_time_are_looked_for_at_the_schedules_pace(registered, begin):
    registered["sweep"] = Counted()
    worker_module.WAITS["sweep"] = lambda: True
    begin(("sweep", FEW_MS))
    assert registered["sweep"].came(5)
