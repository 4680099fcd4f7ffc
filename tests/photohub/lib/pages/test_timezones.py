"""The visitor's time zone, and the hub's where his is not known."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from devices.hub_settings import choices
from photohub.lib.pages import timezones
from photohub.lib.pages.timezones import hub_timezone, in_timezone, reader_timezone, timezone_of

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def _read_anew(db):
    timezones.forget()
    yield
    timezones.forget()


def request_with(cookie: str):
    request = RequestFactory().get("/")
    request.COOKIES["photohub_tz"] = cookie
    return request


def answer_in(cookie: str) -> bytes:
    say = timezones.tell_times_in_visitors_timezone(lambda request: HttpResponse(str(reader_timezone())))
    return say(request_with(cookie)).content


def test_the_zone_is_the_one_that_the_browser_said():
    assert (
        timezone_of(request_with("Asia/Shanghai")) == timezone_of(request_with("Asia%2FShanghai")) == SHANGHAI
    )


@pytest.mark.parametrize(
    "cookie", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 500, "Asia", "a\0b"]
)
def test_a_zone_that_nobody_knows_is_the_hubs(cookie):
    assert timezone_of(request_with(cookie)) == UTC
    choices.choose_timezone("Europe/Berlin")
    assert timezone_of(request_with(cookie)) == BERLIN
    assert answer_in(cookie) == b"Europe/Berlin"


def test_a_page_is_made_in_the_visitors_zone_and_leaves_no_trace():
    assert answer_in("Asia/Shanghai") == b"Asia/Shanghai"
    assert reader_timezone() == UTC and timezone.get_current_timezone_name() == "UTC"


def test_a_page_of_an_event_loop_is_made_in_the_visitors_zone():
    async def answer(request):
        return HttpResponse(f"{reader_timezone()} {timezone.get_current_timezone_name()}")

    say = async_to_sync(timezones.tell_times_in_visitors_timezone(answer))
    assert say(request_with("Asia/Shanghai")).content == b"Asia/Shanghai Asia/Shanghai"


def test_the_environment_wins_over_the_owners_choice(settings):
    choices.choose_timezone("Europe/Berlin")
    settings.HUB_TIME_ZONE = "Asia/Shanghai"
    assert hub_timezone() == SHANGHAI


def test_another_process_hears_of_the_choice_within_ten_seconds(monkeypatch):
    assert hub_timezone() == UTC
    choices.write(choices.TIME_ZONE, "Europe/Berlin")
    assert hub_timezone() == UTC
    now_s = timezones.time.monotonic()
    monkeypatch.setattr(timezones.time, "monotonic", lambda: now_s + 11)
    assert hub_timezone() == BERLIN


async def test_an_event_loop_is_told_what_was_known_last(monkeypatch):
    monkeypatch.setattr(timezones._hub, "zone", SHANGHAI)
    assert hub_timezone() == SHANGHAI


def test_a_choice_that_is_no_zone_counts_as_none():
    for value in ("Mars/Olympus", 5, {"a": 1}):
        choices.write(choices.TIME_ZONE, value)
        timezones.forget()
        assert hub_timezone() == UTC


def test_blocks_can_stand_in_one_another():
    with in_timezone(BERLIN):
        with in_timezone(SHANGHAI):
            assert reader_timezone() == SHANGHAI
        assert reader_timezone() == BERLIN
