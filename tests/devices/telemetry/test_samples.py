from datetime import UTC, datetime, timedelta

import pytest

from devices import mqtt_routes
from devices.mqtt.addressing import Sender
from devices.registry import presence, removing, sightings
from devices.telemetry import samples
from devices.telemetry.models import TelemetrySample
from tests.builders import make_device

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_remembered():
    samples.forget()


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = [NOON]
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
    return lambda **by: now.__setitem__(0, now[0] + timedelta(**by))


def kept() -> list[tuple]:
    return list(
        TelemetrySample.objects.order_by("pk").values_list("battery_mv", "rssi_dbm", "free_heap_bytes")
    )


def test_what_is_said_once_a_minute_is_kept_even_when_it_is_the_same(clock):
    porch = make_device()
    for _minute in range(3):
        presence.heard(porch, telemetry={"battery_mv": 3900, "rssi_dbm": -61})
        clock(minutes=1)
    assert kept() == [(3900, -61, None)] * 3


def test_more_words_in_a_minute_complete_the_sample_and_make_no_other(clock):
    porch = make_device()
    for said in ({"battery_mv": 3900}, {"battery_mv": 3800}, {"rssi_dbm": -70}, {"rssi_dbm": -71}):
        presence.heard(porch, telemetry=said)
        clock(seconds=7)
    assert kept() == [(3900, -70, None)]


def test_a_second_process_completes_the_same_row(clock):
    porch = make_device()
    presence.heard(porch, telemetry={"battery_mv": 3900})
    samples.forget()
    presence.heard(porch, telemetry={"rssi_dbm": -70, "free_heap_bytes": 90_000})
    assert kept() == [(3900, -70, 90_000)]


def test_a_device_that_says_nothing_of_itself_costs_no_row(clock):
    presence.heard(make_device(), telemetry={"battery_mv": "nonsense", "firmware_version": "1.2"})
    assert kept() == []


def test_what_uploads_say_is_kept_with_the_sighting(clock):
    waiting, porch, barn = sightings.Sightings(), make_device("porch"), make_device("barn")
    waiting.note(porch, telemetry={"battery_mv": "3900"})
    waiting.note(porch, telemetry={"rssi_dbm": "-61"})
    waiting.note(barn, telemetry={"battery_mv": "4100"})
    waiting.write()
    assert kept() == [(3900, -61, None), (4100, None, None)]


def test_telemetry_over_mqtt_is_kept(clock):
    porch = make_device()
    mqtt_routes.telemetry(Sender(porch, "telemetry"), b'{"battery_mv": 4012, "free_heap_bytes": 181000}')
    assert kept() == [(4012, None, 181_000)]


def test_it_goes_with_its_device(clock):
    porch = make_device()
    presence.heard(porch, telemetry={"battery_mv": 3900})
    assert removing.remove_device(porch) and kept() == []
