"""Finding a time: days, months, hours and how their addresses lead there."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_hours(count: int, start=NOON, code: str = "porch", **values):
    device = make_device(code, **values)
    return [make_capture(device, name=f"p{i}", received_at=start - timedelta(hours=i)) for i in range(count)]


def shown(client, address: str) -> list[str]:
    context = client.get(address).context
    return [tile.picture.name for day in context["days"] for tile in day.tiles]


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


def test_a_page_begins_with_the_day_or_the_hour_or_the_picture_that_is_asked_for(alice):
    make_hours(40)
    assert shown(alice, "/history?at=2025-06-29")[0] == "p13"
    assert shown(alice, "/history?at=2025-06-30T10")[0] == "p2"
    assert shown(alice, "/history?at=2025-06-30T09:00:00%2B00:00")[0] == "p3"
    assert shown(alice, "/history?at=2025-06-28&to=2025-06-29")[0] == "p37"


_ENDS_OF_TIME = ["0001-01-01", "0001-01-01T00", "9999-12-31", "9999-12-31T10", "9999-12-31T10:00:00%2B00:00"]


@pytest.mark.parametrize("at", ["soon", "2025-02-30", "2025-06-30T25", "2025-06-30Tx", *_ENDS_OF_TIME])
def test_a_place_that_cannot_be_read_is_told_in_words(alice, at):
    assert alice.get(f"/history?at={at}").status_code == 400
    assert alice.get(f"/history/calendar?at={at}").status_code == 400


@pytest.mark.parametrize("at", ["1970-01-01", "9998-12-31T23"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_first_and_the_last_day_have_pages(alice, at, zone):
    make_hours(1)
    alice.cookies["photohub_tz"] = zone
    assert alice.get(f"/history?at={at}&month={at[:7]}").status_code == 200


@pytest.mark.parametrize("month", ["soon", "2025-13", "0001-01", "9999-12"])
def test_a_month_that_cannot_be_read_is_told_in_words(alice, month):
    assert alice.get(f"/history?month={month}").status_code == 400
    assert alice.get(f"/history/calendar?month={month}").status_code == 400


def test_an_hour_is_that_of_the_visitors_clock(alice):
    make_hours(5)
    alice.cookies["photohub_tz"] = "Asia/Kolkata"
    assert shown(alice, "/history?at=2025-06-30T15")[0] == "p2"


def test_newer_pictures_are_a_page_away(alice, monkeypatch):
    monkeypatch.setattr("media_pipeline.history.views.PAGE_SIZE", 2)
    make_hours(6)
    page = alice.get("/history?at=2025-06-30T08&q=p")
    assert shown(alice, "/history?at=2025-06-30T08&q=p")[0] == "p4"
    assert shown(alice, page.context["newer_url"])[:2] == ["p2", "p3"] and "q=p" in page.context["newer_url"]
    last = alice.get("/history?at=2025-06-30T11").context["newer_url"]
    assert last == "/history" and alice.get(last).context["newer_url"] is None


def test_the_strip_has_the_week_with_its_numbers(alice):
    now = timezone.now().replace(hour=0, minute=0)
    make_hours(1, start=now)
    make_hours(2, start=now - timedelta(days=2) + timedelta(hours=2), code="barn")
    strip = alice.get("/history").context["strip"]
    assert [day.count for day in strip] == [0, 0, 0, 0, 0, 2, 0, 1]
    assert strip[5].url == f"/history?at={(now - timedelta(days=2)).date()}"
    assert [day.heat for day in strip] == [0, 0, 0, 0, 0, 4, 0, 2]


def test_the_strip_of_an_old_day_has_the_days_around_it(alice):
    make_hours(1)
    strip = alice.get("/history?at=2025-06-30").context["strip"]
    assert [day.date.day for day in strip] == [27, 28, 29, 30, 1, 2, 3, 4]
    assert [day.is_current for day in strip] == [False] * 3 + [True] + [False] * 4


def test_the_calendar_counts_each_day_and_leads_to_it_and_to_other_months(alice):
    make_hours(3)
    make_hours(1, start=NOON - timedelta(days=60), code="barn")
    for address in ("/history?month=2025-06&q=p", "/history/calendar?month=2025-06&q=p"):
        page = alice.get(address)
        month = page.context["calendar"]["month"]
        days = {day.date: day for week in month.weeks for day in week if not day.is_outside}
        assert days[date(2025, 6, 30)].count == 3 and days[date(2025, 6, 29)].count == 0
        assert days[date(2025, 6, 30)].url == "/history?q=p&at=2025-06-30"
        beside = page.context["calendar"]["beside"]
        assert "month=2025-05" in beside["before"]["page"] and "q=p" in beside["after"]["page"]
    assert "<html" not in page.content.decode()
    assert list(alice.get("/history/calendar?month=2025-05").context["calendar"]["beside"]) == ["after"]


def test_the_hours_of_a_day_are_bars(alice):
    make_hours(3)
    make_hours(1, code="barn")
    assert alice.get("/history").context["hours"] == []
    hours = alice.get("/history?at=2025-06-30T11").context["hours"]
    assert [(bar.hour, bar.count, bar.height) for bar in hours if bar.count] == [
        (10, 1, 5),
        (11, 1, 5),
        (12, 2, 10),
    ]
    assert [bar.hour for bar in hours if bar.is_current] == [11]
    assert hours[12].url == "/history?at=2025-06-30T12"


def test_days_are_named_as_people_name_them(alice):
    today = timezone.now().replace(hour=0, minute=0)
    for days in range(3):
        make_hours(1, start=today - timedelta(days=days), code=f"cam{days}")
    page = " ".join(alice.get("/history").content.decode().split())
    assert '"> Today <span' in page and '"> Yesterday <span' in page
    assert f'"> {today - timedelta(days=2):%A} <span' in page


def test_a_viewer_counts_only_the_own_group(client):
    garden = DeviceGroup.objects.create(name="Garden")
    make_hours(3)
    make_hours(1, code="barn", group=garden)
    client.force_login(make_user("vera", "viewer", garden))
    page = client.get("/history?month=2025-06&at=2025-06-30")
    assert page.context["calendar"]["month"].count == 1
    assert sum(bar.count for bar in page.context["hours"]) == 1


def test_the_whole_state_is_in_the_address_of_older_pictures(alice, monkeypatch):
    monkeypatch.setattr("media_pipeline.history.views.PAGE_SIZE", 2)
    make_hours(9)
    more = alice.get("/history?at=2025-06-30T10&q=p").context["more_url"]
    assert "at=2025-06-30T10" in more and shown(alice, more) == ["p4", "p5"]
