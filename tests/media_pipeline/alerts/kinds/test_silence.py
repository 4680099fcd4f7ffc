from datetime import timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.registry.models import Device, LinkState
from media_pipeline.alerts.kinds import looking, silence
from media_pipeline.alerts.models import Alert, AlertRule
from tests.builders import make_device, make_user
from tests.media_pipeline.alerts.making import let_be_silent, make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_hub_has_run_for_long():
    silence.forget(listened_s=3600)


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def hook(owner):
    return make_webhook(owner, "https://example.org/a")


def found() -> list[str]:
    looking.look()
    return sorted(Alert.objects.open().values_list("device__code", flat=True))


def test_a_device_is_silent_from_its_limit_on(owner, hook):
    make_rule(owner, hook)
    let_be_silent(make_device("early"), 9.9)
    let_be_silent(make_device("late"), 10.1)
    assert found() == ["late"]


def test_what_was_silent_before_the_rule_is_not_told(owner, hook):
    let_be_silent(make_device("dead"), 60)
    make_rule(owner, hook)
    assert found() == []


def test_a_connected_device_is_not_silent_until_its_connection_is_lost(owner, hook):
    device = make_device("panel", link_state=LinkState.CONNECTED)
    make_rule(owner, hook)
    let_be_silent(device, 10.5)
    assert found() == []
    lost = {"link_state": LinkState.LOST, "link_changed_at": timezone.now() - timedelta(minutes=10.1)}
    Device.objects.filter(pk=device.pk).update(last_seen_at=timezone.now() - timedelta(days=1), **lost)
    assert found() == ["panel"]


def test_only_the_rules_own_devices_that_its_person_sees(owner):
    yard = DeviceGroup.objects.create(name="yard")
    viewer = make_user("vera", "viewer", yard)
    for code, groups in (("in", [yard]), ("out", [])):
        let_be_silent(make_device(code, groups=groups), 10.5)
    make_rule(viewer, make_webhook(viewer, "https://example.org/b"))
    assert found() == ["in"]
    make_rule(owner, make_webhook(owner, "https://example.org/c"), device=Device.objects.get(code="out"))
    assert found() == ["in", "out"]


def test_after_a_start_devices_get_their_time_to_be_heard(owner, hook):
    silence.forget()
    make_rule(owner, hook)
    let_be_silent(make_device("porch"), 10.5)
    assert found() == []
    silence.forget(listened_s=601)
    assert found() == ["porch"]


def test_after_a_jump_of_the_clock_devices_get_their_time_to_be_heard(owner, hook, monkeypatch):
    make_rule(owner, hook)
    let_be_silent(make_device("porch"), 10.5)
    monkeypatch.setattr(silence._watch.pace, "is_steady", lambda: False)
    assert found() == []


def test_many_that_fall_silent_together_are_all_found_in_batches(owner, hook, monkeypatch):
    monkeypatch.setattr(silence, "_AT_ONCE", 3)
    make_rule(owner, hook)
    for number in range(10):
        let_be_silent(make_device(f"cam-{number}"), 10.05 + number / 1000)
    AlertRule.objects.update(seen_until=timezone.now() - timedelta(minutes=11))
    for _look in range(8):
        looking.look()
    assert len(found()) == 10


def test_a_look_waits_only_while_somebody_may_fall_silent_soon(owner, hook):
    make_rule(owner, hook)
    device = make_device("porch")
    let_be_silent(device, 5)
    assert not looking.waits()
    let_be_silent(device, 9.5)
    assert looking.waits()
    let_be_silent(device, 60)
    assert not looking.waits()


def test_a_device_that_was_turned_off_is_not_silent(owner, hook):
    make_rule(owner, hook)
    let_be_silent(make_device("porch", enabled=False), 10.5)
    assert found() == []
