import threading
from types import SimpleNamespace

from photohub.lib import doorbell


def bell_with(monkeypatch, send) -> doorbell.Doorbell:
    monkeypatch.setattr(doorbell, "current_app", SimpleNamespace(send_task=send))
    return doorbell.Doorbell()


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
    tried.clear()
    bell.ring("mirror", ["b"])
    assert not tried.wait(0.2)
