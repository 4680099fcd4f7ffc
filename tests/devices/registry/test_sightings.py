import pytest
from django.db import OperationalError

from devices.registry import presence, sightings
from devices.registry.models import Device
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting() -> sightings.Sightings:
    return sightings.Sightings()


def test_several_words_of_one_device_are_written_as_one(waiting, django_assert_max_num_queries):
    porch, barn = make_device("porch"), make_device("barn")
    waiting.note(porch, telemetry={"battery_mv": "3900"}, address="10.0.0.7")
    waiting.note(porch, telemetry={"rssi_dbm": "-61", "battery_mv": "3800"})
    waiting.note(barn)
    with django_assert_max_num_queries(6):
        waiting.write()
    porch, barn = Device.objects.get(code="porch"), Device.objects.get(code="barn")
    assert (porch.battery_mv, porch.rssi_dbm, porch.last_address) == (3800, -61, "10.0.0.7")
    assert porch.online and barn.online and porch.events.count() == barn.events.count() == 1


def test_what_is_no_news_is_not_written(waiting, django_assert_num_queries):
    porch = make_device()
    waiting.note(porch)
    waiting.write()
    with django_assert_num_queries(0):
        waiting.note(porch)
        waiting.write()


def test_a_database_that_is_away_loses_no_sighting(waiting, monkeypatch):
    porch, barn = make_device("porch"), make_device("barn")

    def fail(said):
        waiting.note(porch, telemetry={"battery_mv": "3700"})
        raise OperationalError("away")

    waiting.note(porch, telemetry={"battery_mv": "3900", "rssi_dbm": "-61"})
    waiting.note(barn)
    with monkeypatch.context() as patch:
        patch.setattr(presence, "write_all", fail)
        waiting.write()
    waiting.write()
    found = Device.objects.filter(last_seen_at__isnull=False).values_list("code", "battery_mv", "rssi_dbm")
    assert sorted(found) == [("barn", None, None), ("porch", 3700, -61)]


def test_no_more_devices_wait_than_there_is_room_for(waiting, monkeypatch):
    monkeypatch.setattr(sightings, "DEVICES_AT_MOST", 2)
    for code in ("cam-a", "cam-b", "cam-c"):
        waiting.note(make_device(code))
    waiting.write()
    assert Device.objects.filter(last_seen_at=None).count() == 1


def test_a_device_that_was_removed_meanwhile_is_passed_over(waiting):
    gone, porch = make_device("gone"), make_device("porch")
    waiting.note(gone, telemetry={"firmware_version": "2"})
    waiting.note(porch)
    Device.objects.filter(code="gone").delete()
    waiting.write()
    assert Device.objects.get().online
