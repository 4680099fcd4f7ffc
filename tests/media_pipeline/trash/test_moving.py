"""Into the trash and back."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.events.models import Event
from devices.panels.playlists import turns as playlists
from devices.registry import removing
from media_pipeline.captures.models import Capture
from media_pipeline.dashboard.cards import build_feed
from media_pipeline.intake.ingest import ingest
from media_pipeline.maintenance import deleting
from media_pipeline.picture_files import store
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.trash import moving
from tests.builders import make_capture, make_device, make_jpeg, make_upload, make_user

pytestmark = pytest.mark.django_db


def make_two() -> tuple[Capture, Capture]:
    device = make_device("porch")
    before = timezone.now() - timedelta(minutes=5)
    return make_capture(device, name="older", received_at=before), make_capture(device, name="newer")


def test_a_picture_in_the_trash_is_shown_nowhere(client):
    bob, (older, newer) = make_user("bob", "operator"), make_two()
    assert moving.move_to_trash(bob, [newer]).trashed == 1
    client.force_login(bob)
    pages = ["/", "/feed", "/history", "/captures/picker", "/devices/porch/", "/devices/porch/pictures/"]
    pages += ["/api/v1/captures", "/devices/", f"/captures/{older.pk}"]
    assert [page for page in pages if str(newer.pk) in client.get(page).content.decode()] == []
    own = [f"/captures/{newer.pk}{end}" for end in ("", "/panel", "/thumb", "/original")]
    assert {client.get(page).status_code for page in [*own, f"/api/v1/captures/{newer.pk}"]} == {404}
    assert client.get("/devices/porch/latest.jpg").content == store.full_path(older.path).read_bytes()
    assert [tile.picture.id for tile in build_feed(bob)] == [older.pk]
    assert list(time_lapses.pictures_of(time_lapses.Wish(older.device))) == [older]


def test_its_lasting_link_is_not_handed_out_and_comes_back():
    bob, (_older, newer) = make_user("bob", "operator"), make_two()
    moving.move_to_trash(bob, [newer])
    assert (Client().get(f"/p/{newer.code}").status_code, store.full_path(newer.path).exists()) == (410, True)
    assert moving.restore(bob, [newer]) == 1
    assert Client().get(f"/p/{newer.code}").status_code == 200


def test_the_same_upload_again_is_the_picture_in_the_trash():
    bob, device = make_user("bob", "operator"), make_device("porch")
    first = ingest(make_upload(device, name="a"))
    moving.move_to_trash(bob, Capture.objects.all())
    again = ingest(make_upload(device, name="a"))
    assert (again.id, again.code, again.new) == (first.id, first.code, False)
    assert Capture.everything.count() == 1 and not Capture.objects.exists()


END = "0001-01-01T00:00:00+14:00"


def test_one_move_is_undone_as_a_whole_by_whom_it_was():
    bob, (older, newer) = make_user("bob", "operator"), make_two()
    first, second = moving.move_to_trash(bob, [older]), moving.move_to_trash(bob, [newer])
    assert moving.undo(make_user("rita", "operator"), second.undo) == 0
    assert moving.undo(bob, second.undo) == 1
    assert list(Capture.objects.all()) == [newer]
    assert [moving.undo(bob, word) for word in (second.undo, "", "x", "2026-01-01", END, first.undo)] == [
        0,
        0,
        0,
        0,
        0,
        1,
    ]


def test_kept_and_foreign_pictures_stay():
    garden = DeviceGroup.objects.create(name="Garden")
    kept = make_capture(make_device("porch", group=garden), name="k", kept=True)
    foreign, own = make_capture(make_device("barn")), make_capture(kept.device, name="o")
    moved = moving.move_to_trash(make_user("bob", "operator", garden), [kept, foreign, own])
    assert (moved.trashed, moved.kept, moved.refused) == (1, 1, 1)
    assert set(Capture.objects.all()) == {kept, foreign}


def test_who_did_it_and_when_is_written_down():
    bob, (older, newer) = make_user("bob", "operator"), make_two()
    moving.move_to_trash(bob, [older, newer])
    gone = Capture.everything.get(pk=newer.pk)
    assert gone.trashed_by == bob and abs(timezone.now() - gone.trashed_at) < timedelta(seconds=5)
    moving.restore(bob, [older])
    told = list(Event.objects.told().order_by("-seq").values_list("sentence", "actor__username")[:2])
    assert told == [
        ("Pictures restored from the trash: 1.", "bob"),
        ("Pictures moved to the trash: 2.", "bob"),
    ]
    assert Event.objects.filter(type="capture.changed", subject=newer.pk).exists()


def test_without_a_trash_owners_delete_at_once(settings):
    settings.TRASH_DAYS, (older, newer) = 0, make_two()
    with pytest.raises(PermissionDenied):
        moving.move_to_trash(make_user("bob", "operator"), [older])
    moved = moving.move_to_trash(make_user("alice", "owner"), [newer])
    assert (moved.trashed, moved.undo) == (1, "")
    assert list(Capture.everything.all()) == [older]


def test_what_is_in_the_trash_is_counted_and_listed_for_operators_of_its_group():
    garden = DeviceGroup.objects.create(name="Garden")
    bob, rita = make_user("bob", "operator", garden), make_user("rita", "operator")
    mine, other = make_capture(make_device("porch", group=garden)), make_capture(make_device("barn"))
    moving.move_to_trash(rita, [mine, other])
    assert [c.pk for c in moving.trash_of(bob)] == [mine.pk]
    assert not moving.trash_of(make_user("vera", "viewer")).exists()
    both = moving.contents_of(rita)
    assert (both.count, both.size_bytes) == (2, mine.size_bytes + other.size_bytes)


def test_a_removed_device_takes_its_trash_along():
    alice, (older, newer) = make_user("alice", "owner"), make_two()
    moving.move_to_trash(alice, [newer])
    removing.remove_device(older.device, alice, within_s=60)
    assert not Capture.everything.exists()
    assert not any(store.full_path(capture.path).exists() for capture in (older, newer))


def make_playlist(data: bytes):
    panel = make_device("hall", profile="panel")
    playlists.add_picture(panel, data, "a swan")
    return panel


def test_a_playlist_passes_over_what_is_in_the_trash():
    bob, data = make_user("bob", "operator"), make_jpeg(text="swan")
    capture = make_capture(make_device("porch"), data)
    (item,) = playlists.items_of(make_playlist(data))
    assert playlists.take_turn(item).picture == data
    moving.move_to_trash(bob, [capture])
    assert playlists.take_turn(item) is None
    moving.restore(bob, [capture])
    assert playlists.take_turn(item).picture == data


def test_a_playlist_forgets_what_is_deleted_for_good():
    alice, data = make_user("alice", "owner"), make_jpeg(text="swan")
    capture = make_capture(make_device("porch"), data)
    panel = make_playlist(data)
    moving.move_to_trash(alice, [capture])
    deleting.delete_captures(alice, moving.trash_of(alice))
    assert playlists.items_of(panel) == []
