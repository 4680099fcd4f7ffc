"""What the dashboard shows."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands import queue as commands
from devices.commands.models import Command
from devices.registry import presence
from devices.registry.models import Device
from media_pipeline.captures.cards import fold, look_beside, picture_of, shots_of
from media_pipeline.captures.finding import neighbours_of, same_hour
from media_pipeline.captures.models import Capture
from media_pipeline.dashboard.cards import build_cards, build_feed, cameras
from media_pipeline.mirror.models import OSSObject
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def cards_of(user, group=None):
    return build_cards(user, cameras(user, group)).cards


def test_the_number_of_queries_does_not_grow_with_cameras(django_assert_num_queries):
    alice = make_user("alice", "owner")
    for number in range(8):
        device = make_device(f"cam-{number}")
        make_capture(device)
        commands.capture(device)
    with django_assert_num_queries(4):
        assert len(cards_of(alice)) == 8


def test_a_card_shows_the_newest_picture():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    newest = make_capture(porch, name="new")
    make_capture(porch, name="old", received_at=timezone.now() - timedelta(days=1))
    assert cards_of(alice)[0].capture.id == newest.pk


def test_pinned_cameras_come_first_then_the_newest_picture_then_those_without():
    alice = make_user("alice", "owner")
    for minutes, code in enumerate(["barn", "porch", "attic"]):
        make_capture(make_device(code), received_at=timezone.now() - timedelta(minutes=minutes))
    make_device("a-new-one")
    Device.objects.filter(code="attic").update(pinned=True)
    assert [card.device.code for card in cards_of(alice)] == ["attic", "barn", "porch", "a-new-one"]


def test_a_long_wall_comes_in_pieces_that_fit_together_though_cameras_go_on_sending(monkeypatch):
    monkeypatch.setattr("media_pipeline.dashboard.cards.CARDS_AT_ONCE", 2)
    alice, began = make_user("alice", "owner"), timezone.now()
    for minutes, code in enumerate(["barn", "porch", "attic", "cellar", "yard"]):
        make_capture(make_device(code), received_at=began - timedelta(minutes=minutes))

    def piece(start):
        found = build_cards(alice, cameras(alice), start, began)
        return [card.device.code for card in found.cards], found.more

    assert piece(0) == (["barn", "porch"], True)
    newest = make_capture(
        Device.objects.get(code="cellar"), name="b", received_at=began + timedelta(seconds=1)
    )
    assert piece(2) == (["attic", "cellar"], True)
    assert piece(4) == (["yard"], False)
    assert piece(6) == ([], False)
    assert build_cards(alice, cameras(alice), 2, began).cards[1].capture.id == newest.pk


def test_the_wall_has_no_switched_off_device_and_no_panel_without_pictures():
    alice = make_user("alice", "owner")
    make_device("porch")
    make_device("off", enabled=False)
    panel = make_device("panel", profile="panel")
    assert [card.device.code for card in cards_of(alice)] == ["porch"]
    make_capture(panel)
    assert len(cards_of(alice)) == 2


def test_a_viewer_may_not_press_the_shutter():
    group = DeviceGroup.objects.create(name="Garden")
    vera, bob = make_user("vera", "viewer", group), make_user("bob", "operator")
    make_device("barn", group=group)
    make_device("porch", group=None)
    assert [(card.device.code, card.can_command) for card in cards_of(vera)] == [("barn", False)]
    assert all(card.can_command for card in cards_of(bob))


def test_a_camera_without_command_topic_has_no_shutter():
    alice = make_user("alice", "owner")
    make_device("stream", profile="raspberry-pi")
    assert not cards_of(alice)[0].can_command


def test_a_failure_stays_though_pictures_come_until_somebody_puts_it_away():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    command = commands.capture(porch)
    commands.fail(command, "camera_said", "The lens is covered.")
    make_capture(porch)
    Command.objects.update(finished_at=timezone.now() - timedelta(hours=23))
    assert cards_of(alice)[0].command.reason == "The lens is covered."
    commands.dismiss(command)
    assert cards_of(alice)[0].command is None


def test_a_failure_ends_with_the_next_order():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    commands.fail(commands.capture(porch), "camera_said", "The lens is covered.")
    commands.capture(porch)
    assert cards_of(alice)[0].command.state == "queued"


def test_an_old_end_is_no_news_but_an_open_command_is():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    command = commands.capture(porch)
    Command.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert cards_of(alice)[0].command.elapsed_s == pytest.approx(3600, abs=5)
    commands.cancel(command)
    Command.objects.update(finished_at=timezone.now() - timedelta(minutes=6))
    assert cards_of(alice)[0].command is None
    Command.objects.update(state="failed", finished_at=timezone.now() - timedelta(hours=25))
    assert cards_of(alice)[0].command is None


def test_a_shutter_that_cannot_work_says_why():
    alice, birds = make_user("alice", "owner"), make_device("birds")
    assert cards_of(alice)[0].deaf == "It has never connected."
    presence.heard(birds)
    assert "never connected by MQTT" in cards_of(alice)[0].deaf
    presence.connected(birds)
    assert cards_of(alice)[0].deaf == ""


def test_the_feed_begins_after_the_picture_that_is_named():
    alice, porch = make_user("alice", "owner"), make_device("porch")
    at = timezone.now()
    captures = [make_capture(porch, name=f"p{i}", received_at=at) for i in range(4)]
    captures.sort(key=lambda c: c.pk)
    newer = build_feed(alice, after=captures[1])
    assert [tile.picture.id for tile in newer] == [captures[3].pk, captures[2].pk]


def test_the_feed_of_a_group_has_only_its_pictures():
    alice, group = make_user("alice", "owner"), DeviceGroup.objects.create(name="Garden")
    make_capture(make_device("porch"))
    barn = make_capture(make_device("barn", group=group))
    assert [tile.picture.id for tile in build_feed(alice, group)] == [barn.pk]


def test_marks_say_what_is_odd():
    capture = make_capture(make_device("porch"), flags=["truncated", "odd"], kept=True)
    OSSObject.objects.filter(pk=capture.pk).update(state="blocked", error="key refused")
    capture.mirror.refresh_from_db()
    words = [mark.words for mark in picture_of(capture).marks]
    assert words == ["incomplete", "odd", "kept", "not mirrored: key refused"]


def marks_of(**values) -> list[str]:
    capture = make_capture(make_device(), **values)
    return [mark.words for mark in picture_of(capture).marks]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fault": "grey_band", "fault_values": {"lost_percent": 20}}, "grey band"),
        ({"flags": ["truncated"]}, "incomplete"),
        ({"flags": ["truncated"], "fault": "cut_short"}, "incomplete"),
        ({"freshness": "same"}, "same bytes as before"),
        (
            {"freshness": "unlike", "freshness_values": {"width": 64, "height": 48}},
            "not as ordered: the camera's earlier pictures were 64 × 48",
        ),
    ],
)
def test_what_is_unusual_about_a_picture_is_one_mark(values, words):
    assert marks_of(**values).count(words) == 1


def test_a_fresh_sound_picture_has_no_mark_for_it():
    assert marks_of(freshness="fresh") == []


def test_what_is_usual_has_no_mark():
    porch = make_device("porch")
    command = commands.capture(porch)
    sent, asked = make_capture(porch, name="a"), make_capture(porch, name="b")
    Capture.objects.filter(pk=asked.pk).update(command=command)
    asked.refresh_from_db()
    assert picture_of(sent).marks == []
    assert [mark.words for mark in picture_of(asked).marks] == ["asked for"]


def make_minutes(code: str, *hashes: int | None):
    """Return a camera's pictures, one each minute, newest first."""
    device, now = make_device(code), datetime(2025, 6, 30, 12, tzinfo=UTC)
    return [
        make_capture(device, name=f"p{n}", received_at=now - timedelta(minutes=n), dhash=dhash)
        for n, dhash in enumerate(hashes)
    ]


def newest_first():
    return shots_of(Capture.objects.order_by("-received_at", "-id"), 100)


def test_like_pictures_of_a_camera_are_one_tile_with_its_span():
    porch = make_minutes("porch", 0, 1, 3, -1)
    make_minutes("barn", None, None)
    tiles, last = fold(newest_first(), 60)
    assert sorted((tile.picture.device.code, tile.count) for tile in tiles) == [
        ("barn", 1),
        ("barn", 1),
        ("porch", 1),
        ("porch", 3),
    ]
    (run,) = [tile for tile in tiles if tile.count == 3]
    assert (run.until, run.since) == (porch[0].received_at, porch[2].received_at) and last is None


def test_a_page_of_tiles_ends_with_a_whole_run_and_says_where_the_next_begins():
    captures = make_minutes("porch", 0, 0, -1, -1, -1, 0)
    tiles, last = fold(newest_first(), 2)
    assert [tile.count for tile in tiles] == [2, 3] and last.id == captures[4].pk
    assert [tile.count for tile in fold(newest_first(), 60, looked_at=3)[0]] == [2, 1]


def test_one_camera_does_not_fill_the_feed_and_a_run_that_grows_comes_again():
    alice = make_user("alice", "owner")
    captures = make_minutes("porch", *[0] * 40)
    assert [tile.count for tile in build_feed(alice)] == [40]
    assert [tile.count for tile in build_feed(alice, after=captures[1])] == [40]


def test_a_picture_whose_likeness_is_known_late_is_folded_in_an_open_feed_too():
    alice = make_user("alice", "owner")
    captures = make_minutes("porch", None, 0, 0)
    (barn,) = make_minutes("barn", 5)
    Capture.objects.filter(pk=captures[0].pk).update(dhash=0)
    newest = max(captures[0], barn, key=lambda capture: (capture.received_at, capture.pk))
    assert [(t.picture.device.code, t.count) for t in build_feed(alice, after=newest)] == [("porch", 3)]


def test_runs_that_are_older_do_not_come_again():
    alice = make_user("alice", "owner")
    make_minutes("porch", 0, 0)
    later = make_capture(make_device("barn"), received_at=datetime(2025, 6, 30, 12, 6, tzinfo=UTC))
    assert build_feed(alice, after=later) == []


def test_what_is_beside_a_picture_is_found_with_one_query(django_assert_num_queries):
    porch, other = make_device("porch"), make_device("other")
    noon = datetime(2025, 6, 30, 12, tzinfo=UTC)
    # Two of the same moment, one of another camera, one in the trash, one of the same hour but of no day before.
    moments = [noon + timedelta(minutes=m) for m in (-1500, -1440, -1435, -720, -1, 0, 0, 0, 3, 1440)]
    pictures = [make_capture(porch, name=f"p{n}", received_at=at) for n, at in enumerate(moments)]
    make_capture(other, received_at=noon)
    gone = make_capture(porch, name="gone", received_at=noon - timedelta(seconds=1))
    Capture.objects.filter(pk=gone.pk).update(trashed_at=timezone.now())
    for capture in pictures:
        with django_assert_num_queries(1):
            beside = look_beside(capture, UTC)
        expected = [each and each.pk for each in neighbours_of(capture)]
        assert [each and each.id for each in (beside.older, beside.newer)] == expected
        assert [each.id for each in beside.days] == [each.pk for each in same_hour(capture, UTC)]
