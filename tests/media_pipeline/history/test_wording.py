"""The filters that are on, in words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from media_pipeline.captures.filters import FAULTS, Filters
from media_pipeline.history.wording import chips_of, faults
from photohub.lib.pages.timezones import in_timezone
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def chips(query: str, zone=UTC) -> list[tuple[str, str]]:
    asked = QueryDict(query)
    found = chips_of(Filters.from_query(asked, zone), asked, [make_device("porch", name="Porch")])
    return [(chip.words, chip.url) for chip in found]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=fox", "“fox”"),
        ("device=porch", "Porch"),
        ("device=gone", "gone"),
        ("group=Garden", "Garden"),
        ("state=problem", "Mirror problem"),
        ("asked=yes", "Requested"),
        ("asked=no", "Sent by itself"),
        ("flag=clock", "the camera's clock was wrong"),
        ("fault=black", "all black"),
        ("tag=fox", "Tag: fox"),
        ("kept=yes", "Kept"),
        ("from=2025-06-30", "from 2025-06-30"),
        ("to=2025-06-30", "until 2025-06-30"),
    ],
)
def test_each_filter_has_words_and_an_address_without_it(query, words):
    assert chips(query) == [(words, "/history")]


def test_one_of_several_is_taken_away_alone_and_the_place_stays():
    query = "device=porch&device=barn&kept=yes&at=2025-06-30&cursor=x"
    assert chips(query)[0] == ("Porch", "/history?device=barn&kept=yes&at=2025-06-30")


def test_an_exact_time_is_told_by_the_readers_clock():
    zone = ZoneInfo("Asia/Shanghai")
    at = datetime(2025, 6, 30, 16, tzinfo=UTC)
    with in_timezone(zone):
        ((words, _url),) = chips(f"from={at:%Y-%m-%dT%H:%M:%S}%2B00:00", zone)
    assert words == "from Jul 1, 2025, 00:00"


def test_every_fault_that_can_be_chosen_has_a_name():
    assert set(faults()) == set(FAULTS) and all(faults().values())
