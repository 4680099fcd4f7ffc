import threading

import pytest

from media_pipeline.committer import Committer


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
