import pytest

from devices.models import Device, Panel
from devices.panel_forms import PanelForm
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db
VALUES = {"render_profile": "", "poll_interval_s": "600", "window": "2", "hardware_address": "94a9908c6d18"}


def form(device: Device, **values) -> PanelForm:
    filled = PanelForm(VALUES | values, device=device)
    filled.is_valid()
    return filled


def test_what_is_filled_in_is_stored():
    hall = make_device("hall", profile="panel")
    assert form(hall).save(make_user("ada", "owner"))
    assert (Panel.objects.get().poll_interval_s, Panel.objects.get().hardware_address) == (
        600,
        "94:A9:90:8C:6D:18",
    )
    assert PanelForm(device=hall).initial["window"] == 2 and Device.objects.get().picture_topic == ""


def test_what_cannot_be_stands_at_its_field():
    hall, desk = make_device("hall", profile="panel"), make_device("desk", profile="panel", simulated=True)
    assert form(hall).save(None)
    filled = form(desk)
    assert not filled.save(None) and "hall" in filled.errors["hardware_address"][0]
    assert "window" in form(desk, window="99").errors
