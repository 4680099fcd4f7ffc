"""Rollouts from their making to their end: steps, thresholds, people's orders."""

import pytest

from devices.events.models import Event, EventType
from devices.firmware import images
from devices.firmware.errors import FirmwareRefused, RolloutError
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts import sweeping, targets
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget, TargetState
from devices.firmware.rollouts.planning import Plan
from tests.builders import make_device, make_user
from tests.devices.firmware.builders import (
    ALL_AT_ONCE,
    make_devices,
    make_firmware,
    make_rollout,
    move_clock,
    store,
)

pytestmark = pytest.mark.django_db

CANARY = ({"devices": 1, "percent": 0, "soak_s": 60}, {"devices": 0, "percent": 100, "soak_s": 0})


@pytest.fixture(autouse=True)
def _no_network(settings):
    settings.LINK_CHECK = False


def offered(devices) -> list[targets.Offer]:
    """Let every device ask once."""
    return [offer for device in devices if (offer := targets.next_offer(device, door="esp"))]


def prove(offer: targets.Offer) -> None:
    targets.report_version(offer.target.device, "default", offer.firmware.version)


def state_of(rollout: Rollout) -> tuple[str, str]:
    rollout.refresh_from_db()
    return rollout.state, rollout.reason_word


def test_a_rollout_names_who_made_it_and_for_whom_it_is_not():
    alice = make_user("alice", "owner")
    devices = [*make_devices(2), make_device("oven", profile="k230")]
    rollout, left_out = rollouts.create(make_firmware(), devices, alice)
    assert left_out == {"oven": "product"}
    assert (rollout.state, rollout.targets.count()) == (RolloutState.DRAFT, 2)
    event = Event.objects.get(type=EventType.UPDATE_CHANGED)
    assert (event.subject, event.actor) == (rollout.pk, alice)


def test_a_rollout_for_nobody_is_refused_with_each_reason():
    with pytest.raises(RolloutError, match="another product") as caught:
        rollouts.create(make_firmware(), [make_device("oven", profile="k230")])
    assert set(caught.value.devices) == {"oven"}
    assert not Rollout.objects.exists()


def test_an_image_that_is_not_published_does_not_go_out():
    with pytest.raises(RolloutError, match="not_published"):
        rollouts.create(store(), make_devices(1))


def test_an_image_whose_key_was_revoked_is_not_planned_nor_resumed():
    devices, firmware = make_devices(2), make_firmware()
    rollout = rollouts.create(firmware, devices)[0]
    firmware.signing_key.revoked_at = firmware.created_at
    firmware.signing_key.save()
    with pytest.raises(FirmwareRefused, match="revoked_key"):
        rollouts.create(firmware, devices)
    with pytest.raises(FirmwareRefused, match="revoked_key"):
        rollouts.resume(rollout)


def test_going_back_is_written_down():
    rollouts.create(make_firmware(), make_devices(1), plan=Plan(allow_rollback=True))
    assert "rollback allowed" in Event.objects.get(type=EventType.UPDATE_CHANGED).sentence


def test_nothing_is_offered_before_the_start_while_paused_or_after_the_end():
    devices = make_devices(3)
    rollout = rollouts.create(make_firmware(), devices, plan=Plan(steps=ALL_AT_ONCE))[0]
    assert offered(devices) == []
    assert rollouts.resume(rollout) and not rollouts.resume(rollout)
    assert len(offered(devices[:1])) == 1
    assert rollouts.pause(rollout) and not rollouts.pause(rollout)
    assert offered(devices[1:]) == []
    assert rollouts.cancel(rollout) and not rollouts.cancel(rollout)
    assert offered(devices) == []
    with pytest.raises(RolloutError, match="ended"):
        rollouts.resume(rollout)


def test_a_paused_rollout_lets_those_on_their_way_finish():
    devices = make_devices(2)
    rollout = make_rollout(devices)
    offer = offered(devices[:1])[0]
    rollouts.pause(rollout)
    assert targets.next_offer(devices[0], door="esp").again
    prove(offer)
    assert rollouts.counts_of(rollout)["proved"] == 1


def test_a_cancelled_rollout_ends_everybody_and_its_tokens():
    devices = make_devices(3)
    rollout = make_rollout(devices)
    offer = offered(devices[:1])[0]
    assert targets.find_active(devices[0]).token == offer.token
    rollouts.cancel(rollout, make_user("alice", "owner"))
    assert rollouts.counts_of(rollout)["cancelled"] == 3
    assert targets.find_active(devices[0]) is None


def test_the_canary_goes_first_and_the_rest_only_after_it_has_soaked(monkeypatch):
    devices = make_devices(5)
    rollout = make_rollout(devices, steps=CANARY)
    first = offered(devices)
    assert len(first) == 1
    prove(first[0])
    sweeping.sweep()
    assert offered(devices) == []
    move_clock(monkeypatch, 61)
    sweeping.sweep()
    assert len(offered(devices)) == 4
    assert state_of(rollout) == (RolloutState.RUNNING, "")


def test_nobody_follows_a_canary_that_fell_over(monkeypatch):
    devices = make_devices(20)
    rollout = make_rollout(devices, steps=CANARY)
    targets.note_failed(offered(devices)[0].target, "flashing")
    assert state_of(rollout) == (RolloutState.PAUSED, "step_failed")
    move_clock(monkeypatch, 3600)
    sweeping.sweep()
    assert offered(devices) == []


def test_a_silent_device_holds_a_step_up_only_for_a_while(monkeypatch):
    devices = make_devices(4)
    steps = ({"devices": 2, "percent": 0, "soak_s": 0}, {"devices": 0, "percent": 100, "soak_s": 0})
    rollout = make_rollout(devices, steps=steps, deadline_s=600)
    prove(offered([t.device for t in rollout.targets.filter(position=0)])[0])
    sweeping.sweep()
    assert state_of(rollout) == (RolloutState.RUNNING, "") and rollout.step == 0
    move_clock(monkeypatch, 601)
    sweeping.sweep()
    rollout.refresh_from_db()
    assert rollout.step == 1
    assert len(offered(devices)) == 3


def test_a_step_in_which_nobody_was_heard_is_not_over(monkeypatch):
    rollout = make_rollout(make_devices(4), steps=CANARY)
    move_clock(monkeypatch, 10**6)
    sweeping.sweep()
    rollout.refresh_from_db()
    assert rollout.step == 0


def test_at_the_threshold_nobody_new_is_offered_anything():
    devices = make_devices(30)
    rollout = make_rollout(devices, error_percent=10, error_minimum=10)
    on_the_way = offered(devices[:12])
    for offer in on_the_way[:9]:
        prove(offer)
    assert state_of(rollout) == (RolloutState.RUNNING, "")
    targets.note_failed(on_the_way[9].target, "check")
    assert state_of(rollout) == (RolloutState.PAUSED, "threshold")
    assert offered(devices[12:]) == []
    prove(on_the_way[10])
    assert rollouts.counts_of(rollout)["proved"] == 10


def test_few_failures_stop_a_rollout_that_cannot_become_better():
    devices = make_devices(20)
    rollout = make_rollout(devices, error_percent=10, error_minimum=10)
    first, second, *_rest = offered(devices[:4])
    targets.note_failed(first.target, "check")
    assert state_of(rollout) == (RolloutState.RUNNING, "")
    targets.note_failed(second.target, "check")
    assert state_of(rollout) == (RolloutState.PAUSED, "threshold")


def test_a_plain_count_of_failures_stops_too():
    devices = make_devices(20)
    rollout = make_rollout(devices, error_percent=100, error_count=2)
    for offer in offered(devices[:2]):
        targets.note_failed(offer.target, "check")
    assert state_of(rollout) == (RolloutState.PAUSED, "threshold")


def test_after_a_person_resumed_it_old_failures_are_forgiven(monkeypatch):
    devices = make_devices(20)
    rollout = make_rollout(devices, error_count=1)
    targets.note_failed(offered(devices[:1])[0].target, "check")
    move_clock(monkeypatch, 1)
    rollouts.resume(rollout)
    sweeping.sweep()
    assert state_of(rollout) == (RolloutState.RUNNING, "")
    targets.note_failed(offered(devices[1:2])[0].target, "check")
    assert state_of(rollout) == (RolloutState.PAUSED, "threshold")


def test_it_finishes_with_its_last_device_and_says_how_many_run_it():
    devices = make_devices(2)
    rollout = make_rollout(devices, error_percent=100)
    good, bad = offered(devices)
    prove(good)
    assert state_of(rollout) == (RolloutState.RUNNING, "")
    targets.note_failed(bad.target, "check")
    assert state_of(rollout) == (RolloutState.FINISHED, "")
    event = Event.objects.filter(subject=rollout.pk, device=None).first()
    assert "1 of 2" in event.sentence and event.problem


def test_a_rollout_whose_devices_were_deleted_finishes():
    devices = make_devices(1)
    rollout = make_rollout(devices)
    devices[0].delete()
    sweeping.sweep()
    assert state_of(rollout) == (RolloutState.FINISHED, "")


def test_a_broken_image_pauses_before_anybody_is_offered_it():
    devices = make_devices(2)
    rollout = make_rollout(devices)
    images.path_of(rollout.firmware.sha256).write_bytes(b"other")
    assert offered(devices) == []
    assert state_of(rollout) == (RolloutState.PAUSED, "integrity")
    with pytest.raises(RolloutError, match="broken"):
        rollouts.resume(rollout)


def test_no_more_devices_begin_in_a_minute_than_the_rate_allows(monkeypatch):
    devices = make_devices(10)
    make_rollout(devices, rate_per_minute=3)
    assert len(offered(devices)) == 3
    assert len([o for o in offered(devices) if not o.again]) == 0
    move_clock(monkeypatch, 61)
    assert len([o for o in offered(devices) if not o.again]) == 3


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.long)])
def test_many_devices_step_by_step_until_too_many_fail(monkeypatch, count):
    tenth, half = count // 10, count // 2
    devices = make_devices(count)
    rollout = make_rollout(devices, steps=Plan().steps, rate_per_minute=half - tenth, deadline_s=300)
    for expected in (1, tenth - 1, half - tenth):
        new = [offer for offer in offered(devices) if not offer.again]
        assert len(new) == expected
        if expected < half - tenth:
            for offer in new:
                prove(offer)
            move_clock(monkeypatch, 61)
        sweeping.sweep()
    move_clock(monkeypatch, 301)
    sweeping.sweep()
    assert state_of(rollout) == (RolloutState.PAUSED, "threshold")
    left = RolloutTarget.objects.filter(state=TargetState.WAITING).select_related("device")
    assert offered(target.device for target in left[:50]) == []
    counts = {state: n for state, n in rollouts.counts_of(rollout).items() if n}
    assert counts == {"waiting": half, "proved": tenth, "timed_out": half - tenth}
