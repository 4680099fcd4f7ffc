"""What the gateway tells cameras that are there."""

import pytest
from asgiref.sync import sync_to_async

from devices.camera_settings import queue, saying
from devices.camera_settings.models import WishState
from devices.mqtt.client import MqttDown
from devices.protocol.camera_settings import Report
from tests.builders import make_device
from tests.devices.camera_settings.test_queue import WISH, connect, everybody, newest_event, say_all, words_of


@pytest.fixture
def owl(db):
    device = make_device("owl")
    queue.vouch(device, True)
    return device


def test_a_wish_waits_until_the_camera_is_there_and_is_said_once_in_each_connection(owl):
    queue.wish(owl, WISH)
    assert say_all() == [] and words_of(owl)["quality"] == "waiting until it wakes"
    connect(owl)
    payload = b'{"version":1,"settings":{"frame_size":"SVGA","quality":80}}'
    assert say_all() == [("photohub/owl/settings", payload)] and say_all() == []
    assert words_of(owl)["quality"] == "the camera was told, and has not answered yet"
    connect(owl, after_s=5)
    assert len(say_all()) == 1


def test_who_does_not_listen_is_told_nothing(owl):
    queue.wish(owl, WISH)
    connect(owl)
    assert saying.claim(lambda code, topic: topic != "photohub/owl/settings") == []


def test_a_change_is_said_in_the_same_connection(owl):
    connect(owl)
    queue.wish(owl, WISH)
    [late] = saying.claim(everybody)
    queue.wish(owl, {"quality": 50})
    saying.note_said([late])
    assert queue.read(owl).wish_state == WishState.WAITING and len(say_all()) == 1


def test_a_camera_that_never_answers_is_left_alone_after_some_connections(owl):
    queue.wish(owl, WISH)
    for number in range(saying.SAID_AT_MOST):
        connect(owl, after_s=number)
        assert len(say_all()) == 1
    connect(owl, after_s=99)
    assert say_all() == [] and queue.read(owl).wish_state == WishState.UNANSWERED
    assert newest_event() == "The camera was told its settings 5 times and never answered."
    queue.note_report(owl, Report(1, dict(WISH)))
    assert queue.read(owl).wish_state == WishState.APPLIED


def test_looking_for_what_is_to_be_said_costs_few_queries(owl, django_assert_num_queries):
    queue.wish(owl, WISH)
    # What is wished, what is to start again, and what is over.
    with django_assert_num_queries(3):
        saying.claim(everybody)
    assert not saying.something_waits()


class Broker:
    """Takes all but what goes to one camera."""

    async def publish(self, topic: str, payload: bytes) -> None:
        if "owl" in topic:
            raise MqttDown("gone")


@pytest.mark.django_db(transaction=True)
async def test_what_the_broker_did_not_take_is_said_again():
    def wish(code: str):
        device = make_device(code)
        queue.vouch(device, True)
        connect(device)
        queue.wish(device, WISH)
        return device

    devices = [await sync_to_async(wish)(code) for code in ("owl", "hen")]
    with pytest.raises(MqttDown):
        await saying.send(Broker(), await sync_to_async(saying.claim)(everybody))
    states = [(await sync_to_async(queue.read)(device)).wish_state for device in devices]
    assert states == [WishState.WAITING, WishState.SENT]
    await saying.send(Broker(), [])
