from datetime import UTC, datetime, timedelta

import pytest

from devices.access.groups import DeviceGroup
from devices.hub_settings import values
from devices.registry import removing
from media_pipeline.keep_rules import rules
from media_pipeline.keep_rules.models import KeepRule
from tests.builders import make_device

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    values.forget()
    now = [NOON]
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
    yield lambda **by: now.__setitem__(0, now[0] + timedelta(**by))
    values.forget()


@pytest.fixture
def yard():
    return DeviceGroup.objects.create(name="yard")


@pytest.mark.parametrize(("one", "other", "found"), [(0, 30, 0), (30, 0, 0), (30, 90, 90), (0, 0, 0)])
def test_for_ever_is_longer_than_any_number_of_days(one, other, found):
    assert rules.longer(one, other) == found


def test_a_cameras_own_limit_goes_before_the_longest_of_its_groups(yard):
    house = DeviceGroup.objects.create(name="house")
    porch, barn = make_device("porch", groups=[yard, house]), make_device("barn", group=yard)
    make_device("lake")
    KeepRule.objects.create(group=yard, keep_days=30)
    KeepRule.objects.create(group=house, keep_days=365)
    assert rules.days_by_camera() == {porch.pk: 365, barn.pk: 30}
    KeepRule.objects.create(device=porch, keep_days=7)
    assert rules.days_by_camera() == {porch.pk: 7, barn.pk: 30}


def test_where_nobody_has_another_limit_one_holds_for_all(settings):
    porch, barn = make_device("porch"), make_device("barn")
    assert list(rules.limits()) == []
    settings.KEEP_DAYS = 30
    assert list(rules.limits()) == [(30, None)]
    KeepRule.objects.create(device=porch, keep_days=0)
    assert list(rules.limits()) == [(30, barn.pk)]


def test_a_shorter_limit_holds_an_hour_later_and_a_longer_one_at_once(settings, clock):
    settings.KEEP_DAYS = 90
    porch = make_device()
    assert not rules.is_waiting(rules.choose(365, device=porch), NOON)
    rule = rules.choose(30, device=porch)
    assert rules.is_waiting(rule, NOON) and rules.days_by_camera() == {porch.pk: 365}
    clock(minutes=61)
    assert rules.days_by_camera() == {porch.pk: 30}


def test_to_give_up_a_longer_limit_is_a_shorter_one(settings, clock):
    settings.KEEP_DAYS = 30
    porch = make_device()
    rules.choose(0, device=porch)
    rule = rules.choose(None, device=porch)
    assert rules.days_by_camera() == {porch.pk: 0} and rules.told() == [rule]
    clock(minutes=61)
    assert rules.days_by_camera() == {} and rules.told() == []


def test_what_does_not_hold_yet_is_taken_back(yard, clock):
    camera = make_device(group=yard)
    rule = rules.choose(30, group=yard)
    assert rules.take_back(rule) and rules.days_by_camera() == {} and rules.told() == []
    rule = rules.choose(30, group=yard)
    clock(minutes=61)
    assert not rules.take_back(rule) and rules.days_by_camera() == {camera.pk: 30}


def test_a_limit_goes_with_its_camera_and_its_group(yard):
    porch = make_device()
    rules.choose(30, device=porch)
    rules.choose(30, group=yard)
    removing.remove_device(porch)
    yard.delete()
    assert not KeepRule.objects.exists()
