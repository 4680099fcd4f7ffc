import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from media_pipeline.alerts.kinds import battery, looking
from media_pipeline.alerts.models import Alert
from tests.builders import make_device, make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_new_process():
    battery.forget()


@pytest.fixture
def owner():
    return make_user("olga", "owner")


def heard(device: Device, battery_mv: int) -> None:
    Device.objects.filter(pk=device.pk).update(battery_mv=battery_mv, last_seen_at=timezone.now())
    looking.look()


def test_a_low_battery_is_told_once_until_it_is_charged_well(owner):
    device = make_device("porch", name="Porch")
    make_rule(owner, make_webhook(owner, "https://example.org/a"), "battery", threshold=15)
    heard(device, 3900)
    assert not Alert.objects.exists()
    heard(device, 3500)
    heard(device, 3520)
    [alert] = Alert.objects.open()
    assert alert.what_text == "The battery of Porch is at 5 %."
    # A little above the limit it is still low.
    heard(device, 3640)
    assert Alert.objects.open().exists()
    heard(device, 4000)
    alert.refresh_from_db()
    assert alert.end_text == "The battery of Porch is at 82 %."


def test_a_mains_voltage_is_no_battery(owner):
    device = make_device("porch")
    make_rule(owner, make_webhook(owner, "https://example.org/a"), "battery", threshold=15)
    heard(device, 5000)
    assert not Alert.objects.exists()


def test_only_devices_that_the_person_sees(owner):
    yard = DeviceGroup.objects.create(name="yard")
    viewer = make_user("vera", "viewer", yard)
    make_rule(viewer, make_webhook(viewer, "https://example.org/a"), "battery", threshold=15)
    heard(make_device("out"), 3500)
    heard(make_device("in", group=yard), 3500)
    assert list(Alert.objects.values_list("device__code", flat=True)) == ["in"]
