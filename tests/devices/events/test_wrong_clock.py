"""A clock that is a year off, for a minute or for good, deletes nothing that should stay, and stops nothing."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from devices import tasks
from devices.events import clock_watch, troubles
from devices.events import record as events
from devices.events.models import Event, EventType, Trouble
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import Rollout, RolloutTarget, TargetState
from devices.panels.deliveries import leases
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, DeliveryState, PictureOrigin
from devices.panels.fetching import choosing
from devices.panels.playlists import turns as playlists
from devices.registry.models import Panel
from photohub.lib import clock
from tests.builders import make_device, make_jpeg
from tests.devices.firmware.builders import make_devices, make_rollout

pytestmark = pytest.mark.django_db

YEAR = timedelta(days=400)


@pytest.fixture
def set_clock(monkeypatch):
    """Set the clock off by some time, against its own uptime; None sets it right."""
    now, up = timezone.now, clock.uptime()

    def set_off(by: timedelta | None) -> None:
        monkeypatch.setattr(timezone, "now", lambda: now() + (by or timedelta()))

    monkeypatch.setattr(clock, "uptime", lambda: up)
    clock_watch.look()
    return set_off


def wish() -> deliveries.Wish:
    return deliveries.Wish(PictureOrigin.UPLOAD, "map", picture=make_jpeg())


def make_rows() -> None:
    device = make_device("hall", profile="panel")
    events.record(EventType.CAPTURE_CREATED, device=device)
    troubles.note(device, "frame_unreadable", detail="x")
    deliveries.deliver(device, wish())
    SessionStore().save(must_create=True)


def count_rows() -> list[int]:
    queued = Delivery.objects.filter(state=DeliveryState.QUEUED)
    return [
        rows.count() for rows in (Event.objects.all(), Trouble.objects.all(), queued, Session.objects.all())
    ]


def test_a_year_ahead_for_a_minute_deletes_and_ends_nothing(set_clock):
    make_rows()
    before = count_rows()
    set_clock(YEAR)
    tasks.sweep()
    tasks.tidy_up()
    set_clock(None)
    tasks.sweep()
    assert count_rows() == before


@pytest.mark.parametrize("by", [YEAR, -YEAR])
def test_what_was_written_under_a_wrong_clock_goes_on_under_the_right_one(set_clock, by):
    hall = make_device("hall", profile="panel")
    set_clock(by)
    playlists.add_picture(hall, make_jpeg(), "map")
    assert playlists.push_due() == 1
    delivery = Delivery.objects.get()
    deliveries.note_prepared(delivery, {"sha256": "0" * 64})
    set_clock(None)
    tasks.sweep()
    assert abs(timezone.now() - Panel.objects.get().last_poll_at) < timedelta(minutes=1)
    if by > timedelta():
        # Asked for under a clock that was behind, it has waited too long.
        assert leases.claim_to_send() == [delivery]
        delivery.refresh_from_db()
        assert delivery.expires_at < timezone.now() + timedelta(days=1, minutes=1)


def test_a_panel_that_was_handed_a_picture_under_a_clock_ahead_gets_its_next_one():
    panel = Panel(handed_sha256="0" * 64, handed_at=timezone.now() + YEAR, poll_interval_s=60)
    assert choosing.came_back(panel, None, timezone.now())


def test_a_trouble_of_a_clock_that_was_ahead_is_not_shown_for_a_year():
    troubles.note(make_device(), "frame_unreadable", detail="x")
    Trouble.objects.update(last_at=timezone.now() + YEAR)
    assert not Trouble.objects.open().exists() and not Trouble.objects.get().is_open


def test_a_rollout_under_a_clock_that_was_ahead_counts_its_failures_and_goes_on():
    row = make_rollout(make_devices(1))
    ahead = timezone.now() + YEAR
    Rollout.objects.update(started_at=ahead, step_started_at=ahead, step_done_at=ahead)
    rollouts.advance(row.pk)
    row.refresh_from_db()
    times = (row.started_at, row.step_started_at, row.step_done_at)
    assert all(at is None or at <= timezone.now() for at in times)


def test_no_step_is_over_by_a_clock_that_went_ahead(set_clock):
    steps = ({"devices": 1, "percent": 0, "soak_s": 60}, {"devices": 0, "percent": 100, "soak_s": 0})
    row = make_rollout(make_devices(2), steps=steps)
    RolloutTarget.objects.filter(step=0).update(state=TargetState.PROVED, finished_at=timezone.now())
    rollouts.advance(row.pk)
    set_clock(YEAR)
    rollouts.advance(row.pk)
    row.refresh_from_db()
    assert row.step == 0 and row.step_done_at is not None
