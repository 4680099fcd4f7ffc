"""Counts of pictures per camera and hour, kept by the sweep."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from devices.registry import removing
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import counting
from media_pipeline.maintenance.counting import ALL_CAMERAS, counted_hours, hour_of, keep_counts
from media_pipeline.maintenance.deleting import delete_captures
from media_pipeline.maintenance.models import (
    CameraSize,
    ChangedHour,
    CountedSpan,
    DayCount,
    DaySize,
    HourCount,
)
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_at(device, *times: datetime) -> list[Capture]:
    return [make_capture(device, name=f"{at:%d%H%M}{device.code}", received_at=at) for at in times]


def quarters_of(camera: int, at: datetime) -> list[tuple[int, ...]]:
    rows = HourCount.objects.filter(camera=camera, hour=hour_of(at))
    return list(rows.values_list("first", "second", "third", "fourth"))


def test_old_pictures_are_counted_per_camera_and_together():
    porch, barn = make_device("porch"), make_device("barn")
    make_at(porch, NOON, NOON + timedelta(minutes=14), NOON + timedelta(minutes=45))
    make_at(barn, NOON + timedelta(minutes=15))
    keep_counts()
    assert quarters_of(porch.pk, NOON) == [(2, 0, 0, 1)]
    assert quarters_of(barn.pk, NOON) == [(0, 1, 0, 0)]
    assert quarters_of(ALL_CAMERAS, NOON) == [(2, 1, 0, 1)]


def test_many_old_hours_are_counted_in_steps(monkeypatch):
    monkeypatch.setattr(counting, "_LOOK_S", 0.0)
    monkeypatch.setattr(counting, "_HOURS_TOGETHER", 2)
    make_at(make_device("porch"), *(NOON - timedelta(hours=5 * n) for n in range(5)))
    keep_counts()
    assert counted_hours().start == hour_of(NOON - timedelta(hours=5))
    for _look in range(3):
        keep_counts()
    assert counted_hours().start == 0 and HourCount.objects.filter(camera=ALL_CAMERAS).count() == 5


def test_an_hour_that_still_goes_on_is_left_to_whoever_looks():
    make_at(make_device("porch"), timezone.now())
    keep_counts()
    assert not HourCount.objects.exists()
    assert hour_of(timezone.now()) >= counted_hours().stop


def test_an_hour_is_counted_when_no_upload_of_it_can_come_any_more():
    make_at(make_device("porch"), NOON)
    CountedSpan.objects.create(pk=1, since=0, until=hour_of(NOON) - 3)
    keep_counts()
    assert quarters_of(ALL_CAMERAS, NOON) == [(1, 0, 0, 0)]
    assert counted_hours().stop == hour_of(timezone.now() - timedelta(minutes=30))


def test_deleted_pictures_are_counted_out():
    one, two = make_at(make_device("porch"), NOON, NOON + timedelta(minutes=20))
    keep_counts()
    delete_captures(make_user("alice", "owner"), [one])
    keep_counts()
    assert quarters_of(ALL_CAMERAS, NOON) == [(0, 1, 0, 0)] and not ChangedHour.objects.exists()
    delete_captures(make_user("anna", "owner"), [two])
    keep_counts()
    assert not HourCount.objects.exists()


def test_the_pictures_of_a_removed_camera_are_counted_out():
    porch, barn = make_device("porch"), make_device("barn")
    make_at(porch, NOON)
    make_at(barn, NOON)
    keep_counts()
    removing.remove_device(porch, make_user("alice", "owner"), within_s=60)
    keep_counts()
    assert quarters_of(ALL_CAMERAS, NOON) == [(1, 0, 0, 0)]
    assert not quarters_of(porch.pk, NOON)


def test_what_came_under_a_clock_that_was_behind_is_counted(monkeypatch):
    porch = make_device("porch")
    keep_counts()
    monkeypatch.setattr(counting.timezone, "now", lambda: NOON)
    keep_counts()
    assert counted_hours().stop == hour_of(NOON) - 1
    make_at(porch, NOON)
    monkeypatch.undo()
    keep_counts()
    assert quarters_of(porch.pk, NOON) == [(1, 0, 0, 0)]


def test_a_look_that_another_overtook_writes_nothing():
    make_at(make_device("porch"), NOON)
    piece = counting._next_piece()
    keep_counts()
    assert not counting._write(piece, {hour_of(NOON): []})
    assert quarters_of(ALL_CAMERAS, NOON) == [(1, 0, 0, 0)]


def test_a_look_that_finds_nothing_to_count_writes_nothing(django_assert_num_queries):
    make_at(make_device("porch"), NOON)
    keep_counts()
    with django_assert_num_queries(3):
        keep_counts()


def test_days_are_the_sums_of_their_hours():
    one, *_others = make_at(make_device("porch"), *(NOON + timedelta(hours=5 * n) for n in range(4)))
    keep_counts()
    delete_captures(make_user("alice", "owner"), [one])
    keep_counts()
    days = DayCount.objects.filter(camera=ALL_CAMERAS).order_by("day").values_list("day", "pictures")
    assert list(days) == [(hour_of(NOON) // 24, 2), (hour_of(NOON) // 24 + 1, 1)]


def sizes_of(model) -> dict[int, int]:
    return dict(model.objects.values_list("camera", "size_bytes"))


def test_sizes_are_added_up_by_hours_days_and_cameras():
    porch, barn = make_device("porch"), make_device("barn")
    make_at(porch, NOON, NOON + timedelta(hours=1))
    make_at(barn, NOON)
    Capture.objects.update(size_bytes=1000)
    keep_counts()
    wanted = {ALL_CAMERAS: 3000, porch.pk: 2000, barn.pk: 1000}
    assert sizes_of(DaySize) == sizes_of(CameraSize) == wanted
    assert HourCount.objects.get(camera=porch.pk, hour=hour_of(NOON)).size_bytes == 1000


def test_what_is_deleted_is_taken_off_its_camera():
    porch = make_device("porch")
    one, *_others = make_at(porch, NOON, NOON + timedelta(days=3))
    Capture.objects.update(size_bytes=1000)
    keep_counts()
    delete_captures(make_user("alice", "owner"), [one])
    keep_counts()
    assert sizes_of(CameraSize) == {ALL_CAMERAS: 1000, porch.pk: 1000}


def test_hours_that_were_counted_without_sizes_are_counted_again(monkeypatch):
    monkeypatch.setattr(counting, "_HOURS_TOGETHER", 2)
    porch = make_device("porch")
    make_at(porch, *(NOON - timedelta(hours=9 * n) for n in range(5)))
    Capture.objects.update(size_bytes=1000)
    keep_counts()
    # As a process of the version before leaves an hour, and what it knows nothing of stays.
    HourCount.objects.update(size_bytes=None)
    keep_counts()
    assert sizes_of(CameraSize) == {ALL_CAMERAS: 5000, porch.pk: 5000}
    assert not HourCount.objects.filter(size_bytes=None).exists()
