import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.events.models import Event
from devices.panels.fetching.settings import change_panel, fetches, read_hardware_address, values_of
from devices.panels.rendering import profiles as render_profiles
from devices.registry.models import Panel
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db
ADDRESS = "94:A9:90:8C:6D:18"


@pytest.mark.parametrize(
    "text", [ADDRESS, ADDRESS.lower(), "94-a9-90-8c-6d-18", "94a9908c6d18", f" {ADDRESS} "]
)
def test_an_address_is_read_however_it_is_written(text):
    assert read_hardware_address(text) == ADDRESS


@pytest.mark.parametrize("text", ["", "94:A9:90:8C:6D", "94:A9:90:8C:6D:1G", "0" * 13])
def test_what_is_no_address_is_none(text):
    assert read_hardware_address(text) is None


def test_a_device_added_as_panel_has_what_panels_have():
    assert make_device("hall", profile="panel").panel.poll_interval_s == 900
    assert not hasattr(make_device("yard"), "panel")


def test_settings_are_stored_and_told():
    render_profiles.offer_ready_made()
    hall = make_device("hall", profile="panel")
    changed = change_panel(hall, {"render_profile": "oled-128x64-bw", "window": 4}, make_user("ada", "owner"))
    assert changed == ["render_profile", "window"]
    assert (
        values_of(Panel.objects.get()).render_profile == "oled-128x64-bw" and Panel.objects.get().window == 4
    )
    assert "render profile, packets at once" in Event.objects.exclude(sentence="").get().sentence


def test_an_address_makes_it_a_panel_that_fetches():
    hall = make_device("hall", profile="panel")
    assert not fetches(hall)
    change_panel(hall, {"hardware_address": "94a9908c6d18", "poll_interval_s": 1800})
    hall.refresh_from_db()
    assert fetches(hall) and (hall.picture_topic, hall.reporting_interval_s) == ("", 1800)


def test_another_address_has_not_been_given_a_key():
    hall = make_device("hall", profile="panel")
    change_panel(hall, {"hardware_address": ADDRESS})
    Panel.objects.update(claimed_at=timezone.now())
    change_panel(hall, {"hardware_address": "94:A9:90:8C:6D:19"})
    assert Panel.objects.get().claimed_at is None


def test_an_address_belongs_to_one_panel():
    change_panel(make_device("hall", profile="panel"), {"hardware_address": ADDRESS})
    with pytest.raises(ValidationError) as refused:
        change_panel(make_device("door"), {"hardware_address": ADDRESS})
    assert "hall" in refused.value.message_dict["hardware_address"][0]


@pytest.mark.parametrize(
    "values",
    [
        {"poll_interval_s": 1},
        {"window": 0},
        {"window": "4"},
        {"hardware_address": "x"},
        {"render_profile": "x"},
    ],
)
def test_what_cannot_be_is_refused_by_its_field(values):
    hall = make_device("hall", profile="panel")
    with pytest.raises(ValidationError) as refused:
        change_panel(hall, values)
    assert list(refused.value.message_dict) == list(values)


def test_a_field_that_panels_do_not_have_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        change_panel(make_device("hall", profile="panel"), {"shown_label": "x"})
