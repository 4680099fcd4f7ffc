"""Pictures of days and hours, in the visitor's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone

from devices.access.groups import DeviceGroup
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.models import Capture
from media_pipeline.history import counts
from media_pipeline.history.counts import Counted
from media_pipeline.maintenance.counting import keep_counts
from media_pipeline.maintenance.models import HourCount
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
JUNE = (date(2025, 6, 1), date(2025, 6, 30))
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"]


def make_at(*times: datetime, code: str = "porch", **values) -> list[Capture]:
    device = make_device(code, **values)
    return [make_capture(device, name=f"{at:%m%d%H%M}", received_at=at) for at in times]


def counted(user, query: str = "") -> Counted:
    return Counted.of(user, Filters.from_query(QueryDict(query)))


@pytest.mark.parametrize("zone", [ZoneInfo(z) for z in ZONES], ids=str)
@pytest.mark.parametrize("is_kept", [True, False])
def test_days_begin_and_end_where_the_visitor_lives_to_the_minute(zone, is_kept):
    day = datetime(2025, 6, 15, tzinfo=zone)
    minute, night = timedelta(minutes=1), timedelta(days=1)
    make_at(day - minute, day, day + minute, day + night - minute, day + night)
    if is_kept:
        keep_counts()
        assert HourCount.objects.exists()
    tally = counted(make_user("alice", "owner")).days(*JUNE, zone)
    assert tally.counts == {date(2025, 6, 14): 1, date(2025, 6, 15): 3, date(2025, 6, 16): 1} and tally.exact


@pytest.mark.parametrize("zone", [ZoneInfo(z) for z in ZONES], ids=str)
@pytest.mark.parametrize("is_kept", [True, False])
def test_hours_are_those_of_the_visitors_clock(zone, is_kept):
    day = datetime(2025, 6, 15, tzinfo=zone)
    make_at(*(day + timedelta(minutes=m) for m in (-1, 0, 59, 60, 12 * 60, 24 * 60 - 1, 24 * 60)))
    if is_kept:
        keep_counts()
    tally = counted(make_user("alice", "owner")).hours(day.date(), zone)
    assert tally.counts == {0: 2, 1: 1, 12: 1, 23: 1}


@pytest.mark.parametrize("is_kept", [True, False])
def test_days_on_which_the_clocks_change_are_whole(is_kept):
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2025, 10, 25, 22, tzinfo=UTC)
    make_at(*(start + timedelta(hours=n) for n in range(-1, 26)))
    if is_kept:
        keep_counts()
    tally = counted(make_user("alice", "owner")).days(date(2025, 10, 1), date(2025, 10, 31), zone)
    assert tally.counts == {date(2025, 10, 25): 1, date(2025, 10, 26): 25, date(2025, 10, 27): 1}


def test_what_is_counted_and_what_still_goes_on_are_one_number():
    now = timezone.now()
    make_at(now, now - timedelta(minutes=1), now - timedelta(days=40))
    keep_counts()
    today = now.date()
    tally = counted(make_user("alice", "owner")).days(today - timedelta(days=60), today, UTC)
    assert tally.total() == 3


def test_only_cameras_that_a_person_may_see_are_counted():
    garden = DeviceGroup.objects.create(name="Garden")
    at = datetime(2025, 6, 15, 12, tzinfo=UTC)
    make_at(at, at + timedelta(hours=1))
    make_at(at, code="barn", group=garden)
    keep_counts()
    assert counted(make_user("vera", "viewer", garden)).days(*JUNE, UTC).total() == 1
    assert counted(make_user("mallory")).days(*JUNE, UTC).total() == 0
    alice = make_user("alice", "owner")
    totals = [
        counted(alice, q).days(*JUNE, UTC).total() for q in ("", "device=porch", "group=Garden", "device=no")
    ]
    assert totals == [3, 2, 1, 0]
    assert counted(make_user("wim", "viewer", garden), "device=porch").days(*JUNE, UTC).total() == 0


def test_other_filters_are_counted_by_looking_up_to_a_limit(monkeypatch):
    at = datetime(2025, 6, 15, 12, tzinfo=UTC)
    one, *_others = make_at(*(at + timedelta(hours=n) for n in range(4)))
    Capture.objects.filter(pk=one.pk).update(kept=True)
    keep_counts()
    alice = make_user("alice", "owner")
    assert counted(alice, "kept=yes").days(*JUNE, UTC).counts == {at.date(): 1}
    monkeypatch.setattr(counts, "LOOKED_AT_EACH", 3)
    tally = counted(alice, "q=06").days(*JUNE, UTC)
    assert (tally.total(), tally.exact) == (3, False)


def test_the_first_day_is_that_of_the_oldest_picture():
    alice = make_user("alice", "owner")
    assert counted(alice).first_day(UTC) is None
    make_at(datetime(2025, 6, 15, 23, tzinfo=UTC), datetime(2025, 6, 17, tzinfo=UTC))
    assert counted(alice).first_day(ZoneInfo("Asia/Shanghai")) == date(2025, 6, 16)
