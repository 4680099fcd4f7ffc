"""What goes wrong with a device stands on its page, in the API and among its events, until it is over."""

from datetime import timedelta

import pytest
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import override

from devices.events import troubles
from devices.events.models import Event, Trouble
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """Time for `troubles` alone, in seconds; the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(troubles.time, "monotonic", lambda: now[0])
    return now


def _note(device):
    troubles.note(device, "file_refused", detail="no picture")


def test_a_trouble_stands_on_the_page_in_the_readers_language(client):
    device = make_device()
    _note(device)
    client.force_login(make_user("ada", "owner"))
    for language, words in (
        ("en", "The device was told: no picture"),
        ("zh-CN", "已答复设备：no picture"),
    ):
        for page in ("/devices/porch/", "/devices/", "/devices/porch/events/"):
            with override("en"):
                html = client.get(page, headers={"accept-language": language}).content.decode()
            assert words in html, page


def test_many_messages_are_one_row_one_event_and_few_writes(clock, django_assert_num_queries):
    device = make_device()
    _note(device)
    with django_assert_num_queries(0):
        for _ in range(500):
            _note(device)
    clock[0] += troubles.WRITE_EVERY_S
    _note(device)
    assert Trouble.objects.get().count == 502
    assert Event.objects.filter(word="file_refused").count() == 1


def test_a_trouble_that_is_over_is_shown_no_more(clock):
    device = make_device()
    troubles.over(device, "file_refused")
    _note(device)
    troubles.over(device, "file_refused")
    assert not Trouble.objects.open().exists()


def test_looking_for_an_end_costs_nothing_where_nothing_is_wrong(django_assert_num_queries):
    device = make_device()
    troubles.over(device, "file_refused")
    with django_assert_num_queries(0):
        troubles.over(device, "file_refused")


def test_messages_that_fail_and_succeed_by_turns_are_few_writes(clock, django_assert_max_num_queries):
    device = make_device()
    _note(device)
    troubles.over(device, "file_refused")
    _note(device)
    with django_assert_max_num_queries(0):
        for _ in range(200):
            troubles.over(device, "file_refused")
            _note(device)
    assert Trouble.objects.open().count() == 1
    clock[0] += troubles.WRITE_EVERY_S
    troubles.over(device, "file_refused")
    assert not Trouble.objects.open().exists()


def test_the_end_of_many_devices_troubles_is_looked_for_at_once(django_assert_num_queries):
    devices = [make_device(f"cam{number}") for number in range(5)]
    _note(devices[0])
    _note(devices[1])
    before = Event.objects.count()
    troubles.over_for(devices, "file_refused")
    assert not Trouble.objects.open().exists() and Event.objects.count() == before + 2
    with django_assert_num_queries(0):
        troubles.over_for(devices, "file_refused")


def test_a_camera_that_stumbles_all_day_is_told_of_once_an_hour(clock):
    device = make_device()
    for _ in range(5):
        _note(device)
        troubles.over(device, "file_refused")
        clock[0] += 60
    assert Event.objects.filter(word="file_refused").count() == 1
    Trouble.objects.update(told_at=timezone.now() - timedelta(hours=2))
    _note(device)
    assert Event.objects.filter(word="file_refused").count() == 2
    assert Trouble.objects.get().count == 1


def test_a_trouble_that_nobody_saw_for_a_day_is_not_shown_and_later_deleted():
    _note(make_device())
    Trouble.objects.update(last_at=timezone.now() - timedelta(days=1, seconds=1))
    assert not Trouble.objects.open().exists()
    Trouble.objects.update(last_at=timezone.now() - timedelta(days=8))
    assert troubles.prune() == 1


def test_what_a_device_said_is_cleaned_and_cut():
    troubles.note(make_device(), "file_refused", detail="a\x00\n" + "b" * 5000)
    assert Trouble.objects.get().values == {"detail": "a  " + "b" * 197}


def test_a_database_that_is_away_stops_nothing(clock, monkeypatch, caplog):
    device = make_device()

    def fail(*_):
        raise DatabaseError("away")

    with monkeypatch.context() as away:
        away.setattr(troubles, "_write", fail)
        _note(device)
    assert "could not be written down" in caplog.text
    clock[0] += troubles.WRITE_EVERY_S
    _note(device)
    assert Trouble.objects.get().count == 2


def test_what_this_process_remembers_has_a_bound(monkeypatch):
    monkeypatch.setattr(troubles, "_REMEMBERED", 3)
    for number in range(10):
        troubles._memory.count_up((number, "a"), 1.0)
        troubles._memory.is_clear((number, "b"), 1.0)
    assert len(troubles._memory.written) == len(troubles._memory.clear) == 3
