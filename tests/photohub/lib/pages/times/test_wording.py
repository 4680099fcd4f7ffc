"""Dates and times in words: one form of each, in both languages."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.translation import override

from photohub.lib.pages.times import wording as times
from photohub.lib.pages.timezones import in_timezone

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 20, 14, 8, tzinfo=UTC)
YESTERDAY, LAST_YEAR = NOW - timedelta(days=1, hours=1), NOW - timedelta(days=400)


@pytest.fixture(autouse=True)
def _on_a_monday_in_berlin(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    with in_timezone(BERLIN):
        yield


ENGLISH = [
    (times.time_of_day, NOW, "21:14"),
    (times.time_with_seconds, NOW, "21:14:08"),
    (times.day, NOW, "Nov 30"),
    (times.day, LAST_YEAR, "Oct 26, 2025"),
    (times.day, date(2026, 3, 1), "Mar 1"),
    (times.day_heading, NOW, "Today"),
    (times.day_heading, YESTERDAY, "Yesterday"),
    (times.day_heading, date(2026, 11, 22), "Sunday, Nov 22"),
    (times.day_heading, date(2025, 11, 22), "Saturday, Nov 22, 2025"),
    (times.weekday_short, NOW, "Mon"),
    (times.month, NOW, "November 2026"),
    (times.month_short, NOW, "Nov"),
    (times.moment, NOW, "21:14"),
    (times.moment, YESTERDAY, "Nov 29, 20:14"),
    (times.moment, LAST_YEAR, "Oct 26, 2025, 21:14"),
    (times.exact, NOW, "Nov 30, 2026, 21:14:08"),
    (times.ago, NOW, "now"),
    (times.ago, NOW - timedelta(seconds=61), "1 minute ago"),
    (times.ago, NOW - timedelta(hours=5), "5 hours ago"),
    (times.ago, NOW - timedelta(days=8), "Nov 22"),
    (times.ago, NOW + timedelta(minutes=1), "now"),
    (times.ago_short, NOW - timedelta(minutes=3), "3m"),
]
CHINESE = [
    (times.day, NOW, "11月30日"),
    (times.day, LAST_YEAR, "2025年10月26日"),
    (times.day_heading, NOW, "今天"),
    (times.day_heading, YESTERDAY, "昨天"),
    (times.day_heading, date(2026, 11, 22), "11月22日 星期日"),
    (times.weekday_short, NOW, "周一"),
    (times.month, NOW, "2026年11月"),
    (times.moment, YESTERDAY, "11月29日 20:14"),
    (times.exact, NOW, "2026年11月30日 21:14:08"),
    (times.ago, NOW - timedelta(minutes=3), "3 分钟前"),
    (times.ago_short, NOW - timedelta(minutes=3), "3 分钟"),
]


@pytest.mark.parametrize(("language", "cases"), [("en", ENGLISH), ("zh-hans", CHINESE)])
def test_each_form_in_each_language(language, cases):
    with override(language):
        assert [(form.__name__, form(at)) for form, at, _text in cases] == [
            (form.__name__, text) for form, _at, text in cases
        ]


def test_a_day_begins_where_the_reader_lives():
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert times.moment(late) == "Dec 1, 00:30"


def test_from_when_to_when():
    since = NOW - timedelta(minutes=4)
    assert times.span(since, NOW) == "Nov 30, 21:10 – 21:14"
    assert times.span(YESTERDAY, NOW) == "Nov 29, 20:14 – Nov 30, 21:14"
    assert times.day_span(YESTERDAY, NOW) == "Nov 29 – Nov 30" and times.day_span(NOW, NOW) == "Nov 30"


def test_what_is_read_later_names_day_and_year():
    with times.in_full():
        assert (times.moment(NOW), times.day(NOW)) == ("Nov 30, 2026, 21:14", "Nov 30, 2026")
    assert times.moment(NOW) == "21:14"


@pytest.mark.parametrize(
    ("seconds", "clock", "words"),
    [
        (0, "0:00", "0 s"),
        (0.3, "0:01", "0 s"),
        (45.4, "0:45", "45 s"),
        (91, "1:31", "1 min 31 s"),
        (120, "2:00", "2 min"),
        (3723, "1:02:03", "1 h 2 min"),
        (3605, "1:00:05", "1 h"),
        (90000, "25:00:00", "1 d 1 h"),
    ],
)
def test_how_long_something_takes(seconds, clock, words):
    assert (times.length(seconds), times.length_in_words(seconds)) == (clock, words)


def test_a_stamp_is_the_same_for_every_reader():
    with override("zh-hans"):
        assert times.stamp(NOW, ZoneInfo("Asia/Shanghai")) == "2026-12-01 04:14"
        assert times.stamp(NOW, BERLIN, seconds=True) == "2026-11-30 21:14:08"
        assert times.time_of_day(NOW, ZoneInfo("Asia/Shanghai")) == "04:14"


def test_an_instant_at_the_end_of_the_calendar_is_told():
    assert times.day(datetime.max.replace(tzinfo=UTC)) == "Dec 31, 9999"
