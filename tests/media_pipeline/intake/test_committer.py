import os
import sys
import threading

import pytest

from media_pipeline.intake.committer import Committer


class Disk:
    """A store that holds each batch until it is let go, and remembers which thread took what."""

    def __init__(self) -> None:
        self.batches: list[list] = []
        self.threads: list[str] = []
        self.took = threading.Semaphore(0)
        self.free = threading.Semaphore(0)

    def store(self, items: list) -> list:
        self.batches.append(items)
        self.threads.append(threading.current_thread().name)
        self.took.release()
        assert self.free.acquire(timeout=5)
        return [item if isinstance(item, Exception) else f"stored {item}" for item in items]


def keep_busy(committer: Committer, disk: Disk) -> list:
    """Give each of the two threads something to store; what is handed in now waits."""
    futures = []
    for item in "ab":
        futures.append(committer.submit(item))
        assert disk.took.acquire(timeout=5)
    return futures


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def committer(disk):
    committer = Committer(disk.store, at_most=3)
    yield committer
    disk.free.release(20)
    committer.stop()


def test_everybody_gets_his_own_outcome(committer, disk):
    disk.free.release(20)
    futures = [committer.submit(n) for n in range(10)]
    assert [future.result(5) for future in futures] == [f"stored {n}" for n in range(10)]


def test_what_waits_goes_into_one_batch_up_to_the_limit(committer, disk):
    first, second = committer.submit("a"), None
    assert disk.took.acquire(timeout=5)
    second = committer.submit("b")
    assert disk.took.acquire(timeout=5)
    rest = [committer.submit(n) for n in range(4)]
    disk.free.release(20)
    assert [future.result(5) for future in (first, second, *rest)]
    assert sorted(map(len, disk.batches[2:]), reverse=True) in ([3, 1], [4])


def test_two_batches_are_under_way_at_once_and_no_more(committer, disk):
    futures = [committer.submit("a")]
    assert disk.took.acquire(timeout=5)
    futures.append(committer.submit("b"))
    assert disk.took.acquire(timeout=5)
    futures.append(committer.submit("c"))
    assert not disk.took.acquire(timeout=0.2) and len(disk.batches) == 2


def test_one_after_the_other_is_stored_by_the_same_thread(committer, disk):
    disk.free.release(1)
    committer.submit("warm").result(5)
    both = [committer.submit("a"), committer.submit("b")]
    disk.free.release(20)
    assert all(future.result(5) for future in both)
    del disk.threads[:]
    for number in range(5):
        committer.submit(number).result(5)
    assert len(set(disk.threads)) == 1


def test_an_error_reaches_those_whom_it_concerns(committer, disk):
    disk.free.release(20)
    with pytest.raises(ValueError):
        committer.submit(ValueError("mine")).result(5)
    assert committer.submit("a").result(5) == "stored a"


def test_a_store_that_breaks_breaks_nobody_else():
    committer = Committer(lambda items: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        committer.submit("a").result(5)
    with pytest.raises(ZeroDivisionError):
        committer.submit("b").result(5)
    committer.stop()


def test_stopping_stores_what_waits_and_a_later_item_starts_anew(committer, disk):
    disk.free.release(20)
    futures = [committer.submit(n) for n in range(7)]
    committer.stop()
    assert all(future.done() for future in futures)
    assert committer.submit("late").result(5) == "stored late"


def test_one_that_was_cancelled_while_it_waited_is_not_stored(committer, disk):
    futures = keep_busy(committer, disk)
    cancelled, kept = committer.submit("c"), committer.submit("d")
    assert cancelled.cancel()
    disk.free.release(20)
    assert [f.result(5) for f in (*futures, kept)] == ["stored a", "stored b", "stored d"]
    assert not any("c" in batch for batch in disk.batches)


def test_one_that_is_being_stored_cannot_be_cancelled(committer, disk):
    future = committer.submit("a")
    assert disk.took.acquire(timeout=5) and not future.cancel()
    disk.free.release(20)
    assert future.result(5) == "stored a"


def test_a_future_that_somebody_else_ended_ends_no_thread(committer, disk):
    first, second = keep_busy(committer, disk)
    waiting = committer.submit("c")
    first.set_result("mine")
    waiting.set_result("mine")
    disk.free.release(20)
    assert (first.result(5), second.result(5)) == ("mine", "stored b")
    assert [committer.submit(n).result(5) for n in "def"] == ["stored d", "stored e", "stored f"]


@pytest.mark.parametrize(
    "store",
    [lambda items: [], lambda items: [*items, "one more"], lambda items: None, lambda items: sys.exit(1)],
    ids=["too few", "too many", "none", "an exit"],
)
def test_whatever_the_store_does_everybody_hears_and_the_threads_stay(store):
    committer = Committer(store)
    for _ in range(5):
        with pytest.raises((RuntimeError, TypeError, SystemExit)):
            committer.submit("a").result(5)
    assert all(thread.is_alive() for thread in committer._threads)
    committer.stop()


def test_a_thread_that_dies_comes_back_and_its_batch_hears_of_it(monkeypatch):
    committer = Committer(lambda items: items)
    monkeypatch.setattr(committer, "_finish", lambda batch: sys.exit(1))
    with pytest.raises(SystemExit):
        committer.submit("a").result(5)
    monkeypatch.undo()
    assert committer.submit("b").result(5) == "b"
    committer.stop()


def test_without_any_thread_the_sender_is_told(monkeypatch):
    committer = Committer(lambda items: items)
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no thread"))
    )
    with pytest.raises(RuntimeError, match="no thread"):
        committer.submit("a").result(5)
    monkeypatch.undo()
    assert committer.submit("b").result(5) == "b"
    committer.stop()


@pytest.mark.parametrize("limits", [{"waiting_at_most": 3}, {"bytes_at_most": 35, "weigh": lambda item: 10}])
def test_more_than_may_wait_is_refused_at_once_and_cancelled_ones_make_room(disk, limits):
    committer = Committer(disk.store, refuse=lambda: ValueError("too much"), **limits)
    running = keep_busy(committer, disk)
    waiting = [committer.submit(n) for n in "cde"]
    with pytest.raises(ValueError, match="too much"):
        committer.submit("f").result(0)
    assert waiting[1].cancel()
    again = committer.submit("g")
    disk.free.release(20)
    assert [f.result(5) for f in (*running, waiting[0], waiting[2], again)][-1] == "stored g"
    committer.stop()


def test_one_item_larger_than_all_that_may_wait_is_stored():
    committer = Committer(lambda items: items, bytes_at_most=5, weigh=lambda item: 10)
    assert committer.submit("a").result(5) == "a"
    committer.stop()


def test_after_a_fork_the_child_has_threads_of_its_own():
    committer = Committer(lambda items: items)
    assert committer.submit("a").result(5) == "a"
    child = os.fork()
    if not child:
        os._exit(0 if committer.submit("b").result(5) == "b" else 1)
    assert os.waitpid(child, 0)[1] == 0
    committer.stop()


def test_what_is_handed_in_while_the_threads_end_is_stored():
    committer = Committer(lambda items: items)
    ends = threading.Event()
    stopper = threading.Thread(target=lambda: [committer.stop() for _ in iter(ends.is_set, True)])
    stopper.start()
    assert [committer.submit(n).result(5) for n in range(300)] == list(range(300))
    ends.set()
    stopper.join()
    committer.stop()


def test_afterwards_runs_when_senders_have_their_answers():
    ran = threading.Semaphore(0)
    committer = Committer(lambda items: items, afterwards=lambda: (ran.release(), 1 / 0))
    for n in range(3):
        assert committer.submit(n).result(5) == n
        assert ran.acquire(timeout=5)
    committer.stop()
