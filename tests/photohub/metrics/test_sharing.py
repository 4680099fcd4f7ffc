"""What several processes count, put together in a real Redis."""

import threading
from contextlib import contextmanager
from unittest import mock

import pytest
import redis

from photohub.lib.messaging import measures
from photohub.lib.messaging.measures import Count, Present, Times
from photohub.metrics import sharing
from photohub.metrics.sharing import Shared
from tests.redis_server import running_redis
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("_alone")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def _alone(monkeypatch, settings, server):
    """Leave nothing of the measures that rooms declare, and nothing in Redis."""
    monkeypatch.setattr(measures, "_counted", [])
    monkeypatch.setattr(measures, "_present", [])
    settings.REDIS_KEEPALIVE = {}
    redis.Redis(unix_socket_path=server.socket).flushall()


class Process:
    """A process of the hub: measures of its own, and its part in what is put together."""

    def __init__(self, url: str) -> None:
        self.shared = Shared(url)
        self.counted: list[measures.Measure] = []
        self.present: list[Present] = []
        with self.running():
            self.refused = Count("c_total", "Help.", "reason", ("full", "busy"))
            self.times = Times("t_seconds", "Help.", "way", ("air",), (0.1, 1.0))
            self.viewers = Present("viewers", "Help.")

    @contextmanager
    def running(self):
        with (
            mock.patch.object(measures, "_counted", self.counted),
            mock.patch.object(measures, "_present", self.present),
        ):
            yield self

    def share(self) -> bool:
        with self.running():
            return self.shared.share()

    def read(self):
        with self.running():
            return self.shared.read()


def test_whoever_is_asked_tells_of_all(server):
    web, gateway = Process(server.url), Process(server.url)
    web.refused.add("full")
    gateway.refused.add("full", 2)
    gateway.times.observe("air", [0.05, 0.5, 7])
    web.viewers.add(3)
    gateway.viewers.add(1)
    gateway.share()
    counted, present = web.read()
    assert counted == {"c_total": {"full": [3]}, "t_seconds": {"air": [1, 1, 1, 7.55]}}
    assert present == {"viewers": 4} and gateway.read() == (counted, present)


def test_what_was_added_is_not_added_again_and_rest_sends_nothing(server):
    web = Process(server.url)
    web.refused.add("busy")
    assert not web.share() and not web.share()
    with mock.patch.object(web.shared, "_send", side_effect=AssertionError("sent")):
        web.share()
    assert web.read()[0]["c_total"] == {"busy": [1]}


def test_a_process_with_viewers_goes_on_telling_until_they_leave(server):
    web, other = Process(server.url), Process(server.url)
    web.viewers.add(1)
    assert web.share() and web.share() and other.read()[1] == {"viewers": 1}
    web.viewers.add(-1)
    assert not web.share() and other.read()[1] == {"viewers": 0}


def test_a_silent_process_is_not_believed(server, monkeypatch):
    dead, other = Process(server.url), Process(server.url)
    dead.viewers.add(5)
    dead.share()
    monkeypatch.setattr(sharing, "_BELIEVED_S", -1)
    assert other.read()[1] == {}


def test_an_emptied_redis_begins_at_zero(server):
    web = Process(server.url)
    web.refused.add("full", 5)
    web.share()
    redis.Redis(unix_socket_path=server.socket).flushall()
    web.refused.add("full")
    assert web.read()[0]["c_total"] == {"full": [1]}


def test_what_redis_did_not_take_is_added_later(server):
    web, other = Process(server.url), Process(server.url)
    web.refused.add("full")
    with mock.patch.object(web.shared, "_send", side_effect=redis.ConnectionError):
        with pytest.raises(redis.RedisError):
            web.share()
    web.refused.add("full")
    web.share()
    assert other.read()[0]["c_total"] == {"full": [2]}


def test_classes_of_another_version_are_passed_over(server):
    web = Process(server.url)
    client = redis.Redis(unix_socket_path=server.socket)
    client.hset("photohub:metrics:counted", mapping={"t_seconds|air|0.3": 4, "gone_total|a|count": 1})
    assert web.read()[0] == {"c_total": {}, "t_seconds": {}}


async def test_a_count_reaches_redis_by_itself(server, monkeypatch):
    web, other = Process(server.url), Process(server.url)
    monkeypatch.setattr(sharing, "SHARED_EVERY_S", 0.01)
    monkeypatch.setattr(measures, "_tell", web.shared.look)
    with web.running():
        web.refused.add("full")
        await until(lambda: redis.Redis(unix_socket_path=server.socket).exists("photohub:metrics:counted"))
    assert other.read()[0]["c_total"] == {"full": [1]}
    await until(lambda: not any(thread.name == "photohub-metrics" for thread in threading.enumerate()))
