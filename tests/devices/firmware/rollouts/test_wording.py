"""Why a device has no new version yet, in words."""

import re
from pathlib import Path

import pytest
from django.utils.translation import override

from devices.firmware.rollouts import planning, targets, wording
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import RolloutTarget
from tests.builders import make_device
from tests.devices.firmware.builders import make_devices, make_firmware, make_rollout

pytestmark = pytest.mark.django_db

ROOM = Path(wording.__file__).parent


@pytest.fixture(autouse=True)
def _no_network(settings):
    settings.LINK_CHECK = False


@pytest.fixture
def porch():
    return make_device("porch")


def said() -> str:
    rows = RolloutTarget.objects.select_related("device", "rollout__firmware")
    return wording.explain(rows.get(device__code="porch"))


def test_a_waiting_device_is_told_what_it_waits_for(porch):
    rollout = rollouts.create(make_firmware(), [porch])[0]
    assert "not been started" in said()
    rollouts.resume(rollout)
    assert said() == "The device has never been seen."
    porch.link_state = "connected"
    porch.save()
    assert "the next time it asks" in said()
    rollouts.pause(rollout)
    assert said() == "The rollout is paused. Someone asked for this."


def test_many_waiting_devices_are_explained_as_each_alone_and_cost_three_queries(django_assert_num_queries):
    make_firmware(b"\xe9newer", version="3.0.0", counter=9)
    ahead = make_device("ahead", firmware_version="3.0.0")
    devices = make_devices(8)
    elsewhere = make_rollout(devices[:1], make_firmware(b"\xe9other", version="2.5.0", counter=5))
    targets.next_offer(devices[0])
    rollout = make_rollout(devices, rate_per_minute=1)
    targets.next_offer(devices[1])
    RolloutTarget.objects.create(rollout=rollout, device=ahead, module="default", position=99)
    rows = list(rollout.targets.select_related("device", "rollout__firmware").order_by("pk"))
    alone = [wording.explain(row) for row in rows]
    with django_assert_num_queries(3):
        assert wording.explain_all(rows[0].rollout, rows) == alone
    assert len(set(alone)) == 4 and elsewhere.state == "running"


def test_each_state_of_a_busy_device_has_its_sentence(porch):
    make_rollout([porch])
    offer = targets.next_offer(porch)
    assert said().startswith("Offered (1 of at most 5 times)")
    targets.note_download(offer.target, offer.firmware.size_bytes // 2)
    assert said().startswith("It has 50 % of the image")
    targets.note_flashing(offer.target)
    assert "report the new version until" in said()
    targets.report_version(porch, "default", "1.0")
    assert "reports another version" in said()
    targets.report_version(porch, "default", "2.0.0")
    assert said() == "The device reports the new version."


def test_a_failure_keeps_the_devices_own_words(porch):
    make_rollout([porch, make_device("barn")])
    targets.note_failed(targets.next_offer(porch).target, "flashing", "error 0x105")
    assert said() == "The device said that it could not write the image. (error 0x105)"


def test_a_rollout_says_why_it_stands(porch):
    rollout = make_rollout([porch])
    assert wording.explain_rollout(rollout) == ""
    rollouts.pause(rollout)
    assert wording.explain_rollout(rollout) == "Someone asked for this."
    with override("zh-hans"):
        assert re.search(r"[\u4e00-\u9fff]", wording.explain_rollout(rollout))


def test_every_word_that_is_used_has_its_sentence():
    hindrances = set(re.findall(r"[a-z_]+", planning.__doc__.partition("for good")[2])) - {"for", "now"}
    refusals = {"unsigned", "revoked_key", "signature", "expired", "future", "facts"}
    used = hindrances | refusals | set(targets.STEP_WORDS.values())
    for file in ("targets.py", "sweeping.py", "queue.py", "../images.py", "../keys.py"):
        text = (ROOM / file).read_text()
        used |= set(re.findall(r"(?:_pause|withdraw|\bend|note_failed)\([^()]*\"(\w+)\"", text))
        used |= set(re.findall(r"reason_word=\"(\w+)\"", text))
    assert {"threshold", "integrity", "too_many_offers", "old_version", "link_broken"} <= used
    assert used - wording.SENTENCES.keys() == set()
