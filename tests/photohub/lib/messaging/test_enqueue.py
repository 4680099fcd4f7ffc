import os
import queue
import threading
import time

from photohub.lib.messaging import enqueue


def enqueuer_with(monkeypatch, send) -> enqueue.Enqueuer:
    monkeypatch.setattr(enqueue, "_carry", send)
    return enqueue.Enqueuer()


def wait_until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_ids_are_joined_into_tasks(monkeypatch):
    sent, done = [], threading.Event()

    def send(task, ids):
        sent.append((task, ids))
        done.set()

    enqueuer = enqueuer_with(monkeypatch, send)
    enqueuer.send_task("mirror", ["a", "b", "a"])
    assert done.wait(5) and sent == [("mirror", ["a", "b"])]


def test_a_broken_broker_neither_raises_nor_holds_up_the_caller(monkeypatch):
    tried = threading.Event()

    def send(*args, **kwargs):
        tried.set()
        raise ConnectionError("gone")

    enqueuer = enqueuer_with(monkeypatch, send)
    enqueuer.send_task("mirror", ["a"])
    assert tried.wait(5)
    wait_until(lambda: enqueuer._quiet_until)
    tried.clear()
    enqueuer.send_task("mirror", ["b"])
    assert not tried.wait(0.2)


def test_a_ring_for_later_waits_and_is_joined_by_those_that_come_meanwhile(monkeypatch):
    sent, begun = queue.SimpleQueue(), time.monotonic()
    enqueuer = enqueuer_with(monkeypatch, lambda task, ids: sent.put((task, ids, time.monotonic())))
    enqueuer.send_task("thumbnails", ["a"], after_s=0.3)
    enqueuer.send_task("thumbnails", ["b"], after_s=0.3)
    enqueuer.send_task("mirror", ["c"])
    assert sent.get(timeout=5)[:2] == ("mirror", ["c"])
    task, ids, at = sent.get(timeout=5)
    assert (task, ids) == ("thumbnails", ["a", "b"]) and at - begun >= 0.3


def test_a_ring_for_later_is_dropped_when_something_speaks_against_it_then(monkeypatch):
    sent, asked = [], threading.Event()
    enqueuer = enqueuer_with(monkeypatch, lambda task, ids: sent.append(task))
    enqueuer.send_task("thumbnails", ["a"], 0.05, lambda: asked.set() or True)
    assert asked.wait(5)
    assert sent == [] and not enqueuer._waiting


def test_a_ring_for_now_brings_one_for_later_forward(monkeypatch):
    sent = queue.SimpleQueue()
    enqueuer = enqueuer_with(monkeypatch, lambda task, ids: sent.put(ids))
    enqueuer.send_task("thumbnails", ["a"], 60, lambda: True)
    enqueuer.send_task("thumbnails", ["b"])
    assert sent.get(timeout=5) == ["a", "b"]


def test_while_the_task_broker_hangs_only_so_many_ids_wait(monkeypatch):
    monkeypatch.setattr(enqueue, "_IDS_AT_MOST", 10)
    hangs, goes_on, sent = threading.Event(), threading.Event(), []

    def send(task, ids):
        sent.append(ids)
        hangs.set()
        assert goes_on.wait(5)

    enqueuer = enqueuer_with(monkeypatch, send)
    enqueuer.send_task("mirror", ["first"])
    assert hangs.wait(5)
    for number in range(100):
        enqueuer.send_task("mirror", [number])
    goes_on.set()
    wait_until(lambda: len(sent) == 2)
    assert sent[1] == [str(number) for number in range(10)]


def test_a_condition_that_breaks_ends_no_thread(monkeypatch):
    sent = queue.SimpleQueue()
    enqueuer = enqueuer_with(monkeypatch, lambda task, ids: sent.put(task))
    enqueuer.send_task("broken", ["a"], 0.0, lambda: 1 / 0)
    wait_until(lambda: not enqueuer._waiting)
    thread = enqueuer._thread
    enqueuer.send_task("mirror", ["b"])
    assert sent.get(timeout=5) == "mirror" and enqueuer._thread is thread


def test_after_a_fork_the_child_rings_by_itself(monkeypatch):
    sent = queue.SimpleQueue()
    enqueuer = enqueuer_with(monkeypatch, lambda task, ids: sent.put(task))
    enqueuer.send_task("mirror", ["a"])
    assert sent.get(timeout=5)
    child = os.fork()
    if not child:
        enqueuer.send_task("mirror", ["b"])
        os._exit(0 if sent.get(timeout=5) == "mirror" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_where_nobody_carries_it_the_rows_are_left_to_the_sweep(monkeypatch):
    heard, came = [], threading.Event()
    monkeypatch.setattr(enqueue, "_carry", None)
    enqueue.carry_with(lambda task, ids: (heard.append(ids), came.set()))
    enqueuer = enqueue.Enqueuer()
    enqueuer.send_task("mirror", ["a"])
    assert came.wait(5) and heard == [["a"]]
    enqueue.carry_with(None)
    enqueue._carry("mirror", ["b"])
    assert heard == [["a"]]


def test_ids_for_several_queues_are_kept_apart(monkeypatch):
    sent, done = [], threading.Event()

    def send(*words):
        sent.append(words)
        if len(sent) == 3:
            done.set()

    enqueuer = enqueuer_with(monkeypatch, send)
    monkeypatch.setattr(enqueue, "_route", lambda task: "node.1" if task == "mirror" else "")
    for task, ids, queue_ in (("mirror", ["a"], ""), ("mirror", ["b"], "node.2"), ("rules", ["c"], "")):
        enqueuer.send_task(task, ids, queue=queue_)
    assert done.wait(5)
    assert sorted(sent) == [("mirror", ["a"], "node.1"), ("mirror", ["b"], "node.2"), ("rules", ["c"])]
