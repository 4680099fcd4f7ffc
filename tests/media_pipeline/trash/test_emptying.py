"""Emptying the trash because an owner wants it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import heartbeats
from media_pipeline import tasks
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import retention
from media_pipeline.picture_files import store
from media_pipeline.trash import emptying, moving
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def make_trash(count: int) -> list[Capture]:
    device = make_device("porch")
    captures = [make_capture(device, name=f"p{n}") for n in range(count)]
    moving.move_to_trash(make_user("bob", "operator"), captures)
    return captures


def test_everything_goes_with_its_files(monkeypatch):
    monkeypatch.setattr(emptying, "_BATCH", 2)
    captures = make_trash(3)
    assert emptying.ask_to_empty(make_user("alice", "owner")) == 3
    assert emptying.is_under_way()
    tasks.empty_trash(emptying.due())
    assert not (Capture.everything.exists() or emptying.is_under_way())
    assert not any(store.full_path(c.path).exists() for c in captures)


def test_what_goes_in_later_stays():
    make_trash(1)
    emptying.ask_to_empty(make_user("alice", "owner"))
    later = make_capture(make_device("barn"), name="later")
    Capture.objects.filter(pk=later.pk).update(trashed_at=timezone.now() + timedelta(seconds=1))
    emptying.empty(emptying.due())
    assert list(Capture.everything.all()) == [later]


def test_what_went_in_by_a_clock_that_was_ahead_goes_as_well():
    make_trash(1)
    Capture.everything.update(trashed_at=timezone.now() + timedelta(days=400))
    emptying.ask_to_empty(make_user("alice", "owner"))
    emptying.empty(emptying.due())
    assert not Capture.everything.exists()


def test_an_empty_trash_is_not_emptied():
    assert emptying.ask_to_empty(make_user("alice", "owner")) == 0
    assert emptying.due() == []


def test_without_its_disk_nothing_goes(monkeypatch):
    make_trash(1)
    emptying.ask_to_empty(make_user("alice", "owner"))

    def missing(proof) -> None:
        raise retention.DiskMissing

    monkeypatch.setattr(retention, "check_disk", missing)
    assert emptying.empty(emptying.due()) == 0
    assert Capture.everything.exists() and emptying.is_under_way()


def test_two_workers_do_not_empty_it_at_once():
    make_trash(1)
    emptying.ask_to_empty(make_user("alice", "owner"))
    assert heartbeats.lease("trash.emptying", "another", 60)
    assert emptying.empty(emptying.due()) == 0 and Capture.everything.exists()
    heartbeats.release("trash.emptying", "another")
    assert emptying.empty(emptying.due()) == 1 and not Capture.everything.exists()
