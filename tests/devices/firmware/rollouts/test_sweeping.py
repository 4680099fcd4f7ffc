"""What happens to updates by the clock."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices import tasks
from devices.events.models import Event
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts import sweeping, targets
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget
from tests.devices.firmware.builders import make_devices, make_rollout, move_clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_network(settings):
    settings.LINK_CHECK = False


def test_the_task_of_every_few_seconds_ends_silent_updates(monkeypatch):
    devices = make_devices(4)
    rollout = make_rollout(devices, deadline_s=60)
    for device in devices[:2]:
        targets.next_offer(device)
    tasks.sweep()
    assert rollouts.counts_of(rollout)["offered"] == 2
    move_clock(monkeypatch, 61)
    tasks.sweep()
    rollout.refresh_from_db()
    assert rollouts.counts_of(rollout)["timed_out"] == 2
    assert (rollout.state, rollout.reason_word) == (RolloutState.PAUSED, "threshold")


def test_a_rollout_that_vanishes_meanwhile_spoils_no_other(monkeypatch):
    make_rollout(make_devices(1))
    advanced = []

    def vanish(key) -> None:
        advanced.append(key)
        raise Rollout.DoesNotExist

    monkeypatch.setattr(rollouts, "advance", vanish)
    sweeping.sweep()
    assert len(advanced) == 1


def test_silence_ends_updates_of_a_paused_rollout_too(monkeypatch):
    devices = make_devices(2)
    rollout = make_rollout(devices)
    targets.next_offer(devices[0])
    rollouts.pause(rollout)
    move_clock(monkeypatch, 1801)
    sweeping.sweep()
    assert rollouts.counts_of(rollout)["timed_out"] == 1


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumps_ends_no_update_and_holds_none_for_good(monkeypatch, days):
    devices = make_devices(4)
    rollout, now = make_rollout(devices, deadline_s=60), timezone.now
    for device in devices[:2]:
        targets.next_offer(device)
    sweeping.sweep()
    jumped = now() + timedelta(days=days)
    with monkeypatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: jumped)
        sweeping.sweep()
        assert rollouts.counts_of(rollout)["offered"] == 2
        ends = RolloutTarget.objects.exclude(deadline_at=None).values_list("deadline_at", flat=True)
        assert set(ends) == {jumped + timedelta(seconds=60)}
    sweeping.sweep()
    assert rollouts.counts_of(rollout)["offered"] == 2
    assert Event.objects.filter(subject=rollout.pk, sentence__startswith="The clock jumped").exists()
