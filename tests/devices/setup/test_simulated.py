import pytest

from devices.access.groups import DeviceGroup
from devices.firmware.models import Firmware
from devices.registry.models import Device
from devices.setup import adding, simulated
from photohub.lib.messaging import notify
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def test_all_simulated_devices_go_and_whoever_runs_them_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(notify, "send", lambda group, messages: told.extend((group, m) for m in messages))
    make_device("porch")
    adding.add_device(code="demo-1", name="", profile="generic", simulated=True)
    assert simulated.remove_all() == 1
    assert [device.code for device in Device.objects.all()] == ["porch"]
    assert (simulated.GROUP, {"type": "simulator.remove", "device": "demo-1"}) in told


def test_firmware_of_real_products_stays():
    sizes = {"size_bytes": 1, "md5": "0" * 32, "sha256": "0" * 64}
    Firmware.objects.create(product="gate", version="1", **sizes)
    simulated.remove_all()
    assert Firmware.objects.get().product == "gate"


def test_the_group_of_the_demo_goes_unless_somebody_uses_it():
    def remove_demo() -> bool:
        group, _made = DeviceGroup.objects.get_or_create(name=simulated.DEVICE_GROUP)
        adding.add_device(code="demo-1", name="", profile="generic", simulated=True, groups=[group])
        simulated.remove_all()
        return not DeviceGroup.objects.filter(pk=group.pk).exists()

    assert remove_demo()
    mine = make_device("porch", group=DeviceGroup.objects.create(name=simulated.DEVICE_GROUP))
    assert not remove_demo()
    mine.delete()
    make_user("vera", "viewer", DeviceGroup.objects.get())
    assert not remove_demo()
