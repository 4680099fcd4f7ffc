"""The visitor's time zone."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from photohub.lib.pages.timezones import in_visitors_timezone, timezone_of


def request_with(cookie: str):
    request = RequestFactory().get("/")
    request.COOKIES["photohub_tz"] = cookie
    return request


def test_the_zone_is_the_one_that_the_browser_said():
    assert (
        timezone_of(request_with("Asia/Shanghai"))
        == timezone_of(request_with("Asia%2FShanghai"))
        == ZoneInfo("Asia/Shanghai")
    )


@pytest.mark.parametrize(
    "cookie", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "x" * 500, "Asia", "a\0b"]
)
def test_a_zone_that_nobody_knows_is_utc(cookie):
    assert timezone_of(request_with(cookie)) == UTC


def test_a_view_renders_in_that_zone_and_leaves_no_trace():
    view = in_visitors_timezone(lambda request: HttpResponse(str(timezone.get_current_timezone())))
    assert view(request_with("Asia/Shanghai")).content == b"Asia/Shanghai"
    assert timezone.get_current_timezone_name() == "UTC"
