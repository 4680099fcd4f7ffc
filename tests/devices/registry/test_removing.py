from devices.commands.models import Command
from devices.events.models import Event
from devices.registry import removing
from devices.registry.models import Device, DeviceKey
from tests.builders import make_device, make_user


def test_a_removed_device_takes_its_rows_along_and_is_told(db):
    alice, porch = make_user("alice", "owner"), make_device("porch", name="Porch")
    removing.remove_device(porch, alice)

    assert not Device.objects.exists() and not DeviceKey.objects.exists() and not Command.objects.exists()
    event = Event.objects.get()
    assert (event.sentence, event.actor) == ("The device Porch (porch) was removed.", alice)


def test_upper_rooms_clean_up_before_the_rows_go(db, monkeypatch):
    heard = []
    monkeypatch.setattr(
        removing, "_listeners", [lambda device: heard.append(Device.objects.get(pk=device.pk).code)]
    )
    removing.remove_device(make_device("porch"))

    assert heard == ["porch"]
