"""Hubs that knew one group of each device keep it, and so do those that go back."""

from importlib import import_module

import pytest
from django.db import connection

from devices.access.groups import DeviceGroup
from devices.access.models import DeviceInGroup
from devices.registry.models import Device
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(getattr(import_module("devices.migrations.0024_fill_devices_in_groups"), statement))


def test_the_group_of_each_device_is_taken_over_once():
    farm, yard = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard"))
    for code, group in (("barn", farm), ("gate", yard), ("porch", None)):
        make_device(code)
        Device.objects.filter(code=code).update(former_group=group)
    for _again in range(2):
        run("_FILL")
        found = DeviceInGroup.objects.order_by("device__code").values_list("device__code", "group__name")
        assert list(found) == [("barn", "Farm"), ("gate", "Yard")]


def test_going_back_leaves_each_device_its_first_group():
    farm, yard = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard"))
    make_device("barn", groups=[farm, yard]), make_device("gate", groups=[yard]), make_device("porch")
    Device.objects.filter(code="porch").update(former_group=farm)
    for first in (farm, yard):
        DeviceGroup.objects.filter(pk=yard.pk).update(position=None if first == farm else 1)
        run("_FIRST")
        found = dict(Device.objects.values_list("code", "former_group__name"))
        assert found == {"barn": first.name, "gate": "Yard", "porch": None}
