import pytest
from django.core.exceptions import ValidationError

from devices.access.groups import DeviceGroup
from devices.registry.changes import change_device, put_into_group, take_out_of_group
from devices.registry.models import Device
from photohub.lib.messaging import notify
from tests.builders import make_device, make_user


def test_a_change_is_stored_and_told(db):
    alice, porch = make_user("alice", "owner"), make_device("porch")

    assert change_device(porch, {"name": "Front", "pinned": True, "note": ""}, alice) == ["name", "pinned"]
    event = porch.events.exclude(sentence="").get()
    assert (event.sentence, event.actor) == ("Settings changed: name, pinned.", alice)
    assert Device.objects.get().name == "Front"


def test_switching_off_is_told_in_its_own_words(db):
    porch = make_device("porch")
    change_device(porch, {"enabled": False})

    assert porch.events.exclude(sentence="").get().sentence == "Turned off."


def test_the_gateway_is_rung_after_the_commit(db, django_capture_on_commit_callbacks, monkeypatch):
    told = []
    monkeypatch.setattr(notify, "send", lambda group, messages: told.append((group, messages)))
    with django_capture_on_commit_callbacks(execute=True):
        change_device(make_device("porch"), {"command_topic": "porch/orders"})

    assert (notify.GATEWAY, [{"type": "gateway.devices"}]) in told


def test_the_outside_broker_is_told_of_new_topics(db, settings):
    settings.MQTT_URL, settings.MQTT_DYNSEC = "mqtt://broker", True
    porch = make_device("porch")
    porch.broker_accounts.update(state="synced")
    change_device(porch, {"result_topic": "porch/results"})

    assert porch.broker_accounts.get().state == "pending"


def test_a_refused_change_stores_nothing(db):
    porch = make_device("porch")
    with pytest.raises(ValidationError) as refused:
        change_device(porch, {"name": "Front", "stream_policy": "sometimes"})

    assert list(refused.value.message_dict) == ["stream_policy"]
    assert Device.objects.get().name == "porch"
    assert not porch.events.exists()


def test_a_network_is_kept_in_its_usual_form(db):
    porch = make_device("porch")
    change_device(porch, {"allowed_network": " 192.168.1.40/24 "})

    assert porch.allowed_network == "192.168.1.0/24"


def test_a_field_that_nobody_may_change_is_a_mistake_of_the_caller(db):
    with pytest.raises(KeyError):
        change_device(make_device("porch"), {"code": "barn"})


def test_a_profile_must_exist(db):
    with pytest.raises(ValidationError, match="no profile"):
        change_device(make_device("porch"), {"profile": "toaster"})


def test_the_certificate_of_one_camera_is_not_trusted_for_the_next(db):
    shown = "AB:" * 31 + "ab"
    porch = make_device("porch", pull_url="https://cam/x?pwd=a")
    change_device(porch, {"pull_fingerprint": shown})
    change_device(porch, {"pull_url": "https://cam/y?pwd=***"})
    assert (porch.pull_url, porch.pull_fingerprint) == ("https://cam/y?pwd=a", "ab" * 32)
    with pytest.raises(ValidationError, match="three stars"):
        change_device(Device.objects.get(), {"pull_url": "https://evil/y?pwd=***"})
    porch = Device.objects.get()
    change_device(porch, {"pull_url": "https://other/y"})
    assert porch.pull_fingerprint == ""


def test_groups_are_changed_as_a_whole_and_told_without_their_names(db):
    farm, yard, attic = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard", "Attic"))
    porch = make_device("porch", groups=[farm, yard])

    assert change_device(porch, {"groups": [yard, farm], "name": "porch"}) == []
    assert change_device(porch, {"groups": [yard, attic]}) == ["groups"]
    assert set(porch.groups.all()) == {yard, attic}
    assert porch.events.exclude(sentence="").get().sentence == "Settings changed: groups."
    assert change_device(porch, {"groups": []}) == ["groups"] and not porch.groups.exists()


def test_a_change_of_something_else_leaves_the_groups(db):
    porch = make_device("porch", groups=[DeviceGroup.objects.create(name="Farm")])
    change_device(porch, {"name": "Front"})

    assert porch.groups.get().name == "Farm"


def test_a_refused_change_leaves_the_groups_too(db):
    porch, farm = make_device("porch"), DeviceGroup.objects.create(name="Farm")
    with pytest.raises(ValidationError):
        change_device(porch, {"groups": [farm], "allowed_network": "0.0.0.0/0"})

    assert not porch.groups.exists()


def test_devices_come_into_a_group_and_go_beside_their_others(db):
    farm, yard = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard"))
    devices = [make_device("porch", groups=[yard]), make_device("barn", groups=[farm]), make_device("shed")]

    assert put_into_group(farm, devices) == 2 and put_into_group(farm, devices) == 0
    assert farm.devices.count() == 3 and set(devices[0].groups.all()) == {farm, yard}
    assert take_out_of_group(farm, devices[:2]) == 2 and take_out_of_group(farm, devices[:2]) == 0
    assert farm.devices.get() == devices[2] and devices[0].groups.get() == yard
    assert [device.events.exclude(sentence="").count() for device in devices] == [2, 1, 1]
