"""Finding pictures among many."""

import base64
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from devices.access.groups import DeviceGroup
from devices.commands.models import Command
from media_pipeline.captures import finding, labels
from media_pipeline.captures.cards import single
from media_pipeline.captures.filters import Filters
from media_pipeline.captures.models import Capture
from media_pipeline.history import query as history
from media_pipeline.history.matching import matching
from media_pipeline.history.query import after, count_day, days_of, months_of, page_of
from media_pipeline.mirror.models import OSSObject
from media_pipeline.search.matching import Matching
from photohub.lib.pages.instants import BadFilter
from tests.builders import make_capture, make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_captures(count: int, device=None, step=timedelta(minutes=1), start=NOON) -> list[Capture]:
    device = device or make_device("porch")
    return [make_capture(device, name=f"p{i}", received_at=start - i * step) for i in range(count)]


def found(user, query: str) -> list[str]:
    matched = matching(user, Filters.from_query(QueryDict(query)))
    return [c.name for c in matched.captures(after(""), 100)]


def everything() -> Matching:
    return Matching(Capture.objects.order_by("-received_at", "-id"))


def test_pages_follow_each_other_without_gap_or_repetition():
    alice = make_user("alice", "owner")
    wanted = [c.pk for c in make_captures(7)]
    rows, seen, cursor = matching(alice, Filters()), [], ""
    while cursor is not None:
        items, cursor = page_of(rows, after(cursor), 3)
        seen += [c.pk for c in items]
    assert seen == wanted


def test_pictures_of_the_same_instant_are_paged_by_their_id():
    alice = make_user("alice", "owner")
    pks = sorted((c.pk for c in make_captures(4, step=timedelta(0))), reverse=True)
    rows = matching(alice, Filters())
    first, cursor = page_of(rows, after(""), 2)
    second, last = page_of(rows, after(cursor), 2)
    assert [c.pk for c in first + second] == pks
    assert last is None


def test_a_picture_that_arrives_meanwhile_moves_no_page():
    alice = make_user("alice", "owner")
    captures = make_captures(4)
    rows = matching(alice, Filters())
    _first, cursor = page_of(rows, after(""), 2)
    make_capture(captures[0].device, name="new", received_at=NOON + timedelta(hours=1))
    assert [c.name for c in page_of(rows, after(cursor), 2)[0]] == ["p2", "p3"]


@pytest.mark.parametrize("cursor", ["x", "%%%", "AAAA", "MjAyNS0wNi0zMHx4", "ü"])
def test_a_foreign_cursor_is_refused_in_words(cursor):
    with pytest.raises(BadFilter, match="cursor"):
        after(cursor)


def test_a_cursor_at_the_end_of_time_is_refused():
    at = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    text = f"{at.isoformat()}|0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"
    with pytest.raises(BadFilter):
        history.decode_cursor(base64.urlsafe_b64encode(text.encode()).decode())


def test_a_code_that_the_database_refuses_narrows_to_nothing():
    assert Filters.from_query(QueryDict("device=porch%00")).devices == ("porch?",)


@pytest.mark.parametrize("query", ["from=yesterday", "to=2025-02-30", "state=lost", "asked=maybe", "kept=1"])
def test_a_filter_that_cannot_be_understood_is_refused(query):
    with pytest.raises(BadFilter, match=query.partition("=")[0]):
        Filters.from_query(QueryDict(query))


def test_nothing_asked_for_filters_nothing():
    assert not Filters.from_query(QueryDict("device=&group=&q="))
    assert Filters.from_query(QueryDict("q=fox"))


def test_days_begin_where_the_visitor_lives():
    filters = Filters.from_query(QueryDict("from=2025-06-30&to=2025-06-30"), ZoneInfo("Asia/Shanghai"))
    assert filters.since == datetime(2025, 6, 29, 16, tzinfo=UTC)
    assert filters.before == datetime(2025, 6, 30, 16, tzinfo=UTC)


def test_an_exact_time_keeps_its_own_zone_even_when_its_plus_sign_was_lost():
    filters = Filters.from_query(QueryDict("from=2025-06-30T12:00:00 02:00"))
    assert filters.since == datetime(2025, 6, 30, 10, tzinfo=UTC)


def test_devices_and_groups_narrow():
    alice = make_user("alice", "owner")
    group = DeviceGroup.objects.create(name="Garden")
    porch, barn, shed = make_device("porch"), make_device("barn", group=group), make_device("shed")
    for device in (porch, barn, shed):
        make_capture(device, name=device.code)
    assert sorted(found(alice, "device=porch&device=shed")) == ["porch", "shed"]
    assert found(alice, "group=Garden") == found(alice, f"group={group.pk}") == ["barn"]
    assert found(alice, "device=nobody") == found(alice, "group=nowhere") == []


def test_pictures_of_a_device_of_two_groups_are_found_once():
    garden, yard = (DeviceGroup.objects.create(name=name) for name in ("Garden", "Garden gate"))
    make_capture(make_device("barn", groups=[garden, yard]), name="barn")
    vera = make_user("vera", "viewer", garden)
    vera.memberships.create(role="viewer", group=yard)
    for query in ("", "q=Garden", "group=Garden", "group=Garden+gate"):
        assert found(vera, query) == ["barn"], query


def test_a_group_that_one_does_not_know_finds_nothing():
    garden, yard = (DeviceGroup.objects.create(name=name) for name in ("Garden", "Yard"))
    make_capture(make_device("barn", groups=[garden, yard]), name="b")
    vera = make_user("vera", "viewer", garden)
    assert found(vera, "group=Garden") == found(vera, "q=garden") == ["b"]
    assert found(vera, "group=Yard") == found(vera, f"group={yard.pk}") == found(vera, "q=yard") == []


def test_states_of_the_mirror_narrow():
    alice = make_user("alice", "owner")
    for capture, state in zip(
        make_captures(5), ["mirrored", "pending", "blocked", "failed", "off"], strict=True
    ):
        OSSObject.objects.filter(pk=capture.pk).update(state=state)
    assert found(alice, "state=mirrored") == ["p0"]
    assert found(alice, "state=waiting") == ["p1"]
    assert found(alice, "state=problem") == ["p2", "p3"]


def test_labels_and_words_narrow():
    alice = make_user("alice", "owner")
    first, second, third = make_captures(3)
    labels.add_tag([first], "fox")
    Capture.objects.filter(pk=second.pk).update(note="Two Foxes", kept=True)
    Capture.objects.filter(pk=third.pk).update(flags=["truncated"])
    assert found(alice, "tag=fox") == ["p0"]
    assert found(alice, "kept=yes") == ["p1"]
    assert found(alice, "q=fox") == ["p0", "p1"]
    assert found(alice, "flag=truncated") == ["p2"]
    assert found(alice, "flag=trunc") == []


def test_asked_for_or_not():
    alice = make_user("alice", "owner")
    asked, _unasked = make_captures(2)
    command = Command.objects.create(device=asked.device, name="n", expires_at=NOON)
    Capture.objects.filter(pk=asked.pk).update(command=command)
    assert found(alice, "asked=yes") == ["p0"]
    assert found(alice, "asked=no") == ["p1"]


def test_a_viewer_finds_only_the_pictures_of_the_own_group_and_a_stranger_none():
    group = DeviceGroup.objects.create(name="Garden")
    vera, mallory = make_user("vera", "viewer", group), make_user("mallory")
    make_capture(make_device("porch"), name="porch")
    make_capture(make_device("barn", group=group), name="barn")
    assert found(vera, "") == ["barn"]
    assert found(vera, "device=porch") == found(mallory, "") == []


def test_words_are_looked_for_in_cameras_and_groups_too():
    alice = make_user("alice", "owner")
    garden = DeviceGroup.objects.create(name="Garden")
    make_capture(make_device("pier", name="Old jetty"), name="a")
    make_capture(make_device("barn", group=garden), name="b")
    make_capture(make_device("porch"), name="c")
    assert found(alice, "q=pier") == found(alice, "q=JETTY") == ["a"]
    assert found(alice, "q=gard") == ["b"]


def test_a_viewer_finds_no_other_camera_by_its_name():
    garden = DeviceGroup.objects.create(name="Garden")
    make_capture(make_device("pier"), name="a")
    assert found(make_user("vera", "viewer", garden), "q=pier") == []


def test_only_the_first_and_the_last_day_of_a_page_are_counted():
    make_captures(9, step=timedelta(hours=8))
    rows, asked = everything(), []
    tiles = single(page_of(rows, after(""), 6)[0])
    found = days_of(tiles, lambda day: asked.append(day.day) or count_day(day, rows, UTC), UTC)
    assert [(d.date.day, len(d.tiles), d.count) for d in found] == [(30, 2, 2), (29, 3, 3), (28, 1, 3)]
    assert asked == [30, 28]


def test_counting_a_day_stops_at_a_limit(monkeypatch):
    monkeypatch.setattr(history, "COUNT_AT_MOST", 2)
    make_captures(4)
    assert count_day(NOON.date(), everything(), UTC) == (2, True)


def test_each_month_with_pictures_is_listed_once():
    alice = make_user("alice", "owner")
    make_captures(8, step=timedelta(days=20))
    months = months_of(alice, Filters(), UTC)
    assert months == [date(2025, m, 1) for m in (6, 5, 4, 3, 2)]


def test_neighbours_are_of_the_same_camera():
    older, middle, newer = reversed(make_captures(3))
    make_capture(make_device("barn"), make_jpeg(text="other"), received_at=NOON - timedelta(seconds=61))
    assert finding.neighbours_of(middle) == (older, newer)
    assert finding.neighbours_of(newer) == (middle, None)


def test_pictures_are_found_by_what_is_wrong_with_them():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    for name, fault in (("sound", None), ("dark", "black"), ("soft", "blurred")):
        make_capture(porch, name=name, fault=fault)
    assert found(alice, "fault=black") == ["dark"]
    assert found(alice, "fault=any") == ["soft", "dark"]
    with pytest.raises(BadFilter):
        found(alice, "fault=ugly")
