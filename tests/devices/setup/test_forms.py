import pytest

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from devices.setup.adding import propose_code
from devices.setup.forms import AddForm, RemoveForm, SettingsForm
from tests.builders import make_device, make_user


def settings_data(device: Device, **changes) -> dict:
    """Return what the settings page would post for this device."""
    form = SettingsForm(device=device)
    data = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in data.items() if value is not None and value is not False}
    return data | {"groups": [group.pk for group in device.groups.all()]} | changes


def test_a_code_is_made_from_latin_letters(db):
    assert propose_code("Café Terrace, north!") == "cafe-terrace-north"


def test_a_chinese_name_gets_a_numbered_camera(db):
    make_device("camera-1")

    assert propose_code("鸡舍") == "camera-2"
    assert propose_code("3号楼") == "camera-2"


def test_a_proposed_code_is_never_taken_reserved_or_too_long(db):
    make_device("porch")
    make_device("porch-2")

    assert propose_code("Porch") == "porch-3"
    assert propose_code("add") == "add-2"
    assert len(propose_code("a" * 80)) == 32


def test_adding_without_a_code_makes_one_from_the_name(db):
    form = AddForm({"name": "Old Barn", "code": "", "new_group": "Farm"})

    assert form.is_valid()
    made = form.add("generic")
    assert (made.device.code, made.device.groups.get().name) == ("old-barn", "Farm")


def test_a_wrong_code_is_explained(db):
    form = AddForm({"name": "Barn", "code": "Old Barn"})

    assert not form.is_valid()
    assert "lowercase letters" in form.errors["code"][0]


def test_a_taken_code_is_explained_at_its_field(db):
    make_device("barn")
    form = AddForm({"name": "Barn", "code": "barn", "new_group": "Farm"})

    assert form.is_valid()
    assert form.add("generic") is None
    assert "belongs to another device" in form.errors["code"][0] and not DeviceGroup.objects.exists()


def test_settings_change_the_device(db):
    porch = make_device("porch")
    farm = DeviceGroup.objects.create(name="Farm")
    form = SettingsForm(settings_data(porch, name="Front porch", groups=[farm.pk], pinned="on"), device=porch)

    assert form.is_valid(), form.errors
    form.save(make_user("alice", "owner"))
    porch.refresh_from_db()
    assert (porch.name, porch.groups.get(), porch.pinned) == ("Front porch", farm, True)


def test_settings_that_are_posted_unchanged_change_nothing(db):
    stm = make_device("stm", profile="esp8266-stm32")
    form = SettingsForm(settings_data(stm), device=stm)

    assert form.is_valid(), form.errors
    form.save(None)
    assert not stm.events.filter(type="device.changed").exists()


def test_a_topic_of_another_device_is_named_at_its_field(db):
    make_device("porch", profile="esp32s3")
    barn = make_device("barn")
    form = SettingsForm(settings_data(barn, command_topic="/light/deviceIn"), device=barn)

    assert form.is_valid()
    assert form.save(None) is None
    assert form.errors["command_topic"] == ["The topic /light/deviceIn belongs to porch."]


def test_a_refused_change_leaves_the_shown_device_alone(db):
    porch = make_device("porch")
    form = SettingsForm(settings_data(porch, name="New", allowed_network="0.0.0.0/0"), device=porch)

    assert form.is_valid()
    assert form.save(None) is None
    assert porch.name == "porch"


def test_removal_wants_the_code_typed(db):
    porch = make_device("porch")

    assert not RemoveForm({"code": "barn"}, device=porch).is_valid()
    assert RemoveForm({"code": "porch"}, device=porch).is_valid()


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ({"keep": "none"}, "none"),
        ({"keep": "every", "keep_every_s": "5"}, "every"),
        ({"keep": "on_demand"}, "on_demand"),
        ({"keep": "interval", "keep_every_s": "15"}, "interval:15"),
    ],
)
def test_which_stream_pictures_are_kept_is_chosen(db, typed, stored):
    porch = make_device("porch", stream_policy="interval:10")
    form = SettingsForm(settings_data(porch, **typed), device=porch)

    assert form.is_valid() and form.save(make_user("alice", "owner"))
    assert Device.objects.get().stream_policy == stored


def test_a_stored_interval_is_shown_as_its_seconds(db):
    form = SettingsForm(device=make_device("porch", stream_policy="interval:10"))

    assert (form["keep"].value(), form["keep_every_s"].value()) == ("interval", 10)


@pytest.mark.parametrize("seconds", ["", "0", "86401", "x"])
def test_an_interval_needs_its_seconds(db, seconds):
    porch = make_device("porch")
    form = SettingsForm(settings_data(porch, keep="interval", keep_every_s=seconds), device=porch)

    assert not form.is_valid() and "keep_every_s" in form.errors


def test_a_device_is_added_to_groups_and_a_new_one(db):
    farm, yard = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard"))
    form = AddForm({"name": "Barn", "groups": [farm.pk, yard.pk], "new_group": " Back   gate "})

    assert form.is_valid(), form.errors
    assert [group.name for group in form.add("generic").device.groups.all()] == ["Back gate", "Farm", "Yard"]


def test_settings_show_the_groups_and_change_them(db):
    farm, yard = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard"))
    porch = make_device("porch", groups=[farm])
    shown = str(SettingsForm(device=porch)["groups"])
    assert shown.count("checked") == 1
    form = SettingsForm(settings_data(porch, groups=[yard.pk], new_group="Attic"), device=porch)

    assert form.is_valid() and form.save(make_user("alice", "owner"))
    assert [group.name for group in porch.groups.all()] == ["Attic", "Yard"]
