from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events.models import ServiceBeat
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.planning import Plan
from media_pipeline.alerts.kinds import hub, looking
from media_pipeline.alerts.letters import path_of
from media_pipeline.alerts.models import Alert
from photohub.lib.pages.sentences import columns, said
from tests.builders import make_device, make_user
from tests.devices.firmware.builders import ALL_AT_ONCE, make_firmware
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def hook(owner):
    return make_webhook(owner, "https://example.org/a", for_hub=True)


def beat(ok: bool, minutes: float) -> None:
    values = {"ok": ok, "changed_at": timezone.now() - timedelta(minutes=minutes)}
    values |= columns("sentence", said("%(host)s did not answer in time.", host="oss"))
    ServiceBeat.objects.update_or_create(name="mirror", defaults=values)
    looking.look()


def test_a_mirror_that_fails_is_told_after_a_minute_and_when_it_works_again(owner, hook):
    make_rule(owner, hook, "hub")
    beat(False, 0.5)
    assert not Alert.objects.exists()
    beat(False, 2)
    [alert] = Alert.objects.open()
    assert alert.what_text == "The mirror has trouble: oss did not answer in time."
    beat(True, 0)
    alert.refresh_from_db()
    assert alert.end_text == "It is over: The mirror has trouble: oss did not answer in time."


def test_a_disk_that_fills_is_told(owner, hook, monkeypatch, settings):
    settings.DISK_FLOOR_BYTES = 100
    make_rule(owner, hook, "hub")
    for free, open_ in ((150, 1), (210, 1), (230, 0), (50, 1)):
        monkeypatch.setattr(hub.store, "free_bytes", lambda free=free: free)
        looking.look()
        assert Alert.objects.open().count() == open_, free


def test_a_rollout_that_the_hub_paused_is_told_and_one_that_a_person_paused_is_not(owner, hook):
    make_rule(owner, hook, "rollout")
    firmware = make_firmware()
    rollout = rollouts.create(firmware, [make_device("board")], plan=Plan(steps=ALL_AT_ONCE), start=True)[0]
    rollouts.pause(rollout, owner)
    looking.look()
    assert not Alert.objects.exists()
    rollouts.resume(rollout, owner)
    rollouts.pause_firmware([firmware.pk], "integrity")
    looking.look()
    [alert] = Alert.objects.open()
    assert "The stored image is damaged." in alert.what_text and str(rollout.pk) in path_of(alert)
    rollouts.cancel(rollout, owner)
    looking.look()
    assert not Alert.objects.open().exists()


def test_troubles_of_the_hub_are_for_owners():
    viewer = make_user("vera", "viewer")
    channel = make_webhook(viewer, "https://example.org/a")
    with pytest.raises(Exception, match="Only owners can be told of this"):
        make_rule(viewer, channel, "hub")
