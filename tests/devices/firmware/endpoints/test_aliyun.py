"""What the hub says of firmware without being asked: once for each connection, and to everybody in the end."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.firmware.endpoints import aliyun
from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import RolloutTarget, TargetState
from devices.mqtt.addressing import Sender
from devices.protocol.aliyun.topics import OtaChannel
from devices.registry import presence
from devices.registry.models import Device, LinkState
from tests.builders import make_device
from tests.devices.firmware.builders import make_firmware, make_rollout

pytestmark = pytest.mark.django_db
SPEECH = json.dumps({"id": "1", "params": {"version": "1.0.0"}}).encode()


@pytest.fixture(autouse=True)
def _no_network(settings):
    settings.LINK_CHECK = False


def make_connected(code: str) -> Device:
    names = {"product_key": "generic", "device_name": code}
    device = make_device(code, firmware_version="1.0.0", **names)
    presence.connected(device, "192.168.1.40")
    return device


def roll_out(*devices: Device):
    return make_rollout(list(devices), make_firmware(product="generic"), error_percent=100)


def hears_all(code: str, topic: str) -> bool:
    return True


def say(pushing: aliyun.Pushing, hears=hears_all) -> list[str]:
    """Publish what is to be said now, and return to whom."""
    pushes = pushing.find(hears)
    aliyun.note_said(pushes)
    return [push.answer.topic.rsplit("/", 1)[1] for push in pushes]


def inform(device: Device, repeated: bool = False):
    device.refresh_from_db()
    return aliyun.inform(Sender(device, OtaChannel.INFORM, repeated=repeated), SPEECH)


def test_an_offer_is_said_once_in_each_connection_and_uses_up_no_try():
    porch = make_connected("porch")
    roll_out(porch)
    pushing, said = aliyun.Pushing(), []
    for _ in range(8):
        presence.connected(porch, "192.168.1.40")
        said.append([say(pushing) for _ in range(5)])
    assert said == [[["porch"], [], [], [], []]] * 8
    target = RolloutTarget.objects.get()
    assert (target.state, target.offers) == (TargetState.OFFERED, 1)


def test_the_devices_own_word_that_it_is_there_is_no_new_connection():
    porch = make_connected("porch")
    roll_out(porch)
    pushing = aliyun.Pushing()
    assert say(pushing) == ["porch"]
    presence.connected(porch)
    assert say(pushing) == []


def test_what_was_not_published_is_said_again_and_what_was_lost_on_the_way_after_the_next_connection():
    porch = make_connected("porch")
    roll_out(porch)
    pushing = aliyun.Pushing()
    assert len(pushing.find(hears_all)) == len(pushing.find(hears_all)) == 1
    assert say(pushing) == ["porch"] and say(pushing) == []


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_jumped_makes_it_say_nothing_again(jump):
    porch = make_connected("porch")
    Device.objects.update(link_changed_at=timezone.now() + jump)
    roll_out(porch)
    pushing = aliyun.Pushing()
    assert [say(pushing), say(pushing)] == [["porch"], []]


def test_a_device_that_says_its_version_again_and_again_is_answered_once():
    porch = make_connected("porch")
    roll_out(porch)
    answers = [inform(porch) for _ in range(6)]
    assert answers[0] is not None and answers[1:] == [None] * 5
    assert inform(porch, repeated=True) is not None
    assert RolloutTarget.objects.get().offers == 1 and say(aliyun.Pushing()) == []


def test_a_device_that_came_back_in_the_middle_of_its_download_tries_again():
    porch = make_connected("porch")
    roll_out(porch)
    pushing = aliyun.Pushing()
    say(pushing)
    targets.note_progress(porch, "default", 40, "", aliyun.DOOR)
    RolloutTarget.objects.update(last_offer_at=timezone.now() - timedelta(minutes=1))
    assert say(pushing) == []
    presence.connected(porch, "192.168.1.40")
    assert say(pushing) == ["porch"]
    assert RolloutTarget.objects.get().offers == 2


def test_devices_that_do_not_listen_or_may_not_yet_keep_nobody_waiting(monkeypatch):
    monkeypatch.setattr(aliyun, "_TRIES_AT_ONCE", 3)
    devices = [make_connected(f"board-{number}") for number in range(12)]
    roll_out(*devices)
    Device.objects.filter(code__in=[f"board-{n}" for n in range(8)]).update(firmware_version="", hardware="x")
    deaf = {device.code for device in devices[8:11]}
    pushing, said = aliyun.Pushing(), []
    for _ in range(8):
        said += say(pushing, lambda code, topic: code not in deaf)
    assert devices[11].code in said and not deaf & set(said)


def test_nobody_is_told_who_is_not_connected():
    porch = make_connected("porch")
    roll_out(porch)
    Device.objects.update(link_state=LinkState.LOST)
    assert say(aliyun.Pushing()) == []
