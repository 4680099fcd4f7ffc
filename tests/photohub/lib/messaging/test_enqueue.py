import os
import queue
import threading
import time
from types import SimpleNamespace

from photohub.lib.messaging import enqueue as doorbell


def bell_with(monkeypatch, send) -> doorbell.Doorbell:
    monkeypatch.setattr(doorbell, "current_app", SimpleNamespace(send_task=send))
    return doorbell.Doorbell()


def wait_until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_rings_are_joined_into_tasks(monkeypatch):
    rung, done = [], threading.Event()

    def send(task, args, retry):
        rung.append((task, args[0]))
        done.set()

    bell = bell_with(monkeypatch, send)
    bell.ring("mirror", ["a", "b", "a"])
    assert done.wait(5) and rung == [("mirror", ["a", "b"])]


def test_a_broken_broker_neither_raises_nor_holds_up_the_caller(monkeypatch):
    tried = threading.Event()

    def send(*args, **kwargs):
        tried.set()
        raise ConnectionError("gone")

    bell = bell_with(monkeypatch, send)
    bell.ring("mirror", ["a"])
    assert tried.wait(5)
    wait_until(lambda: bell._quiet_until)
    tried.clear()
    bell.ring("mirror", ["b"])
    assert not tried.wait(0.2)


def test_a_ring_for_later_waits_and_is_joined_by_those_that_come_meanwhile(monkeypatch):
    rung, begun = queue.SimpleQueue(), time.monotonic()
    bell = bell_with(monkeypatch, lambda task, args, retry: rung.put((task, args[0], time.monotonic())))
    bell.ring("thumbnails", ["a"], after_s=0.3)
    bell.ring("thumbnails", ["b"], after_s=0.3)
    bell.ring("mirror", ["c"])
    assert rung.get(timeout=5)[:2] == ("mirror", ["c"])
    task, ids, at = rung.get(timeout=5)
    assert (task, ids) == ("thumbnails", ["a", "b"]) and at - begun >= 0.3


def test_a_ring_for_later_is_dropped_when_something_speaks_against_it_then(monkeypatch):
    rung, asked = [], threading.Event()
    bell = bell_with(monkeypatch, lambda task, args, retry: rung.append(task))
    bell.ring("thumbnails", ["a"], 0.05, lambda: asked.set() or True)
    assert asked.wait(5)
    assert rung == [] and not bell._waiting


def test_a_ring_for_now_brings_one_for_later_forward(monkeypatch):
    rung = queue.SimpleQueue()
    bell = bell_with(monkeypatch, lambda task, args, retry: rung.put(args[0]))
    bell.ring("thumbnails", ["a"], 60, lambda: True)
    bell.ring("thumbnails", ["b"])
    assert rung.get(timeout=5) == ["a", "b"]


def test_while_the_task_broker_hangs_only_so_many_rings_wait(monkeypatch):
    monkeypatch.setattr(doorbell, "_IDS_AT_MOST", 10)
    hangs, goes_on, rung = threading.Event(), threading.Event(), []

    def send(task, args, retry):
        rung.append(args[0])
        hangs.set()
        assert goes_on.wait(5)

    bell = bell_with(monkeypatch, send)
    bell.ring("mirror", ["first"])
    assert hangs.wait(5)
    for number in range(100):
        bell.ring("mirror", [number])
    goes_on.set()
    wait_until(lambda: len(rung) == 2)
    assert rung[1] == [str(number) for number in range(10)]


def test_a_condition_that_breaks_ends_no_thread(monkeypatch):
    rung = queue.SimpleQueue()
    bell = bell_with(monkeypatch, lambda task, args, retry: rung.put(task))
    bell.ring("broken", ["a"], 0.0, lambda: 1 / 0)
    wait_until(lambda: not bell._waiting)
    thread = bell._thread
    bell.ring("mirror", ["b"])
    assert rung.get(timeout=5) == "mirror" and bell._thread is thread


def test_after_a_fork_the_child_rings_by_itself(monkeypatch):
    rung = queue.SimpleQueue()
    bell = bell_with(monkeypatch, lambda task, args, retry: rung.put(task))
    bell.ring("mirror", ["a"])
    assert rung.get(timeout=5)
    child = os.fork()
    if not child:
        bell.ring("mirror", ["b"])
        os._exit(0 if rung.get(timeout=5) == "mirror" else 1)
    assert os.waitpid(child, 0)[1] == 0
