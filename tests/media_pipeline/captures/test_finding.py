"""The pictures of the same hour on other days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from media_pipeline.captures.finding import chosen_ids, same_hour
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def take(device, days: float, minutes: float = 0, since: datetime = NOON):
    at = since - timedelta(days=days, minutes=minutes)
    return make_capture(device, name=f"{at:%d-%H-%M}", received_at=at)


def names(capture, zone=UTC, days: int = 14) -> list[str]:
    return [found.name for found in same_hour(capture, zone, days)]


def test_the_nearest_picture_of_each_day_before_is_found():
    porch = make_device()
    shown = take(porch, 0)
    for days, minutes in ((1, 50), (1, -5), (2, 7), (2, -300), (4, 0), (30, 0)):
        take(porch, days, minutes)
    assert names(shown) == ["29-12-05", "28-11-53", "26-12-00"]


def test_pictures_of_other_cameras_and_of_the_same_day_do_not_count():
    shown = take(make_device(), 0)
    take(shown.device, 0, 10)
    take(make_device("barn"), 1)
    assert names(shown) == []


def test_noon_stays_noon_when_summer_time_ends():
    noon = datetime(2025, 10, 26, 12, tzinfo=BERLIN)
    porch = make_device()
    shown = make_capture(porch, name="after", received_at=noon)
    make_capture(porch, name="noon", received_at=datetime(2025, 10, 25, 12, tzinfo=BERLIN))
    make_capture(porch, name="an hour off", received_at=datetime(2025, 10, 25, 13, tzinfo=BERLIN))
    assert names(shown, BERLIN) == ["noon"]


def test_it_costs_one_query(django_assert_num_queries):
    porch = make_device()
    shown = take(porch, 0)
    for days in range(1, 15):
        take(porch, days)
    with django_assert_num_queries(1):
        assert len(same_hour(shown, UTC)) == 14


def test_once_enough_pictures_are_selected_no_further_run_is_looked_for(django_assert_num_queries):
    alice, device = make_user("alice", "owner"), make_device("porch")
    pictures = [make_capture(device, name=f"p{n}") for n in range(4)]
    runs = [f"{newer.pk}_{older.pk}" for newer in pictures for older in pictures]
    with django_assert_num_queries(2):
        assert len(chosen_ids(alice, [f"{pictures[3].pk}_{pictures[0].pk}", *runs[1:]], 4)) == 4
