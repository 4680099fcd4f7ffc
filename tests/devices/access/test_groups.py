import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from devices.access.groups import DeviceGroup, known_to
from devices.access.models import DeviceInGroup, devices_in
from devices.registry.models import Device
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def make_groups(*names: str) -> list[DeviceGroup]:
    return [DeviceGroup.objects.create(name=name) for name in names]


def test_people_know_their_own_groups_and_who_sees_all_knows_all():
    farm, yard = make_groups("Farm", "Yard")
    make_device("barn", groups=[farm, yard])

    assert list(DeviceGroup.objects.visible_to(make_user("vera", "viewer", farm))) == [farm]
    assert list(DeviceGroup.objects.visible_to(make_user("bob", "viewer"))) == [farm, yard]
    assert [row.group for row in known_to(make_user("yann", "operator", yard))] == [yard]
    for nobody in (None, AnonymousUser(), make_user("mallory")):
        assert not DeviceGroup.objects.visible_to(nobody).exists() and not known_to(nobody).exists()


def test_who_was_turned_off_knows_no_group():
    [farm] = make_groups("Farm")
    vera = make_user("vera", "viewer", farm)
    vera.is_active = False

    assert not DeviceGroup.objects.visible_to(vera).exists()


def test_groups_that_hold_one_of_these_devices():
    farm, yard, _attic = make_groups("Farm", "Yard", "Attic")
    make_device("barn", groups=[farm, yard]), make_device("shed", groups=[yard])

    assert list(DeviceGroup.objects.all().holding(Device.objects.filter(code="shed"))) == [yard]
    assert list(DeviceGroup.objects.all().holding(Device.objects.all())) == [farm, yard]


def test_a_device_of_two_groups_is_found_once():
    farm, yard = make_groups("Farm", "Yard")
    barn = make_device("barn", groups=[farm, yard])

    assert list(Device.objects.in_groups([farm, yard])) == [barn]
    assert len(Device.objects.filter(pk__in=devices_in([farm.pk, yard.pk]))) == 1


def test_a_device_is_in_a_group_once():
    [farm] = make_groups("Farm")
    barn = make_device("barn", groups=[farm])
    with pytest.raises(IntegrityError), transaction.atomic():
        DeviceInGroup.objects.create(group=farm, device=barn)
