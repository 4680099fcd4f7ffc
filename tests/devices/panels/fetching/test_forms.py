import pytest

from devices.events.models import Event
from devices.panels.fetching.forms import PanelForm
from devices.panels.rendering import profiles as render_profiles
from devices.panels.rendering.models import RenderProfile
from devices.registry.models import Device, Panel
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def panel_data(device: Device, **changes) -> dict:
    """Return what the settings page would post of a device's panel."""
    form = PanelForm(device=device)
    data = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in data.items() if value is not None and value is not False} | changes


def save(device: Device, **changes) -> PanelForm:
    form = PanelForm(panel_data(device, **changes), device=device)
    assert form.is_valid(), form.errors
    form.save(device, make_user("ada", "owner"))
    return form


def test_a_panel_keeps_what_was_chosen_and_it_is_told():
    render_profiles.offer_ready_made()
    hall, profile = make_device("hall", profile="panel"), RenderProfile.objects.get(name="oled-128x64-bw")
    save(hall, render_profile=profile.pk, window="4")
    panel = Panel.objects.get(device=hall)
    assert panel.render_profile == profile and panel.window == 4
    assert "render profile" in Event.objects.exclude(sentence="").latest("seq").sentence


def test_a_camera_is_made_no_panel_by_storing_its_settings():
    save(make_device("porch"))
    assert not Panel.objects.exists()


def test_a_device_that_fetches_has_no_topics():
    hall = make_device("hall", profile="panel")
    save(hall, fetches="on", poll_interval_s="60", hardware_address="94a9908c6d18")
    hall = Device.objects.get()
    assert (hall.picture_topic, hall.picture_ack_topic) == ("", "")
    assert hall.panel.poll_interval_s == 60 and hall.panel.hardware_address == "94:A9:90:8C:6D:18"


def test_a_camera_that_fetches_no_more_is_no_panel():
    kiosk = make_device("kiosk")
    Panel.objects.create(device=kiosk)
    assert PanelForm(device=kiosk)["fetches"].value() is True
    form = PanelForm(panel_data(kiosk) | {"fetches": ""}, device=kiosk)
    assert form.is_valid() and form.save(kiosk, None)
    assert not Panel.objects.exists()


@pytest.mark.parametrize(("field", "value"), [("window", "33"), ("poll_interval_s", "1")])
def test_numbers_have_limits(field, value):
    hall = make_device("hall", profile="panel")
    assert PanelForm(panel_data(hall, **{field: value}), device=hall).errors.keys() == {field}


def test_a_hardware_address_is_checked_and_belongs_to_one():
    Panel.objects.update_or_create(
        device=make_device("shop", profile="panel"), defaults={"hardware_address": "94:A9:90:8C:6D:18"}
    )
    hall = make_device("hall", profile="panel")
    assert "12 hexadecimal digits" in save(hall, hardware_address="abc").errors["hardware_address"][0]
