from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.events import record as events
from devices.events.models import Event, EventType
from photohub.lib.ids import new_id
from photohub.lib.messaging import notify
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def test_an_event_is_announced_after_the_commit_and_not_before(
    monkeypatch, django_capture_on_commit_callbacks
):
    told = []
    monkeypatch.setattr(notify, "send", lambda group, messages: told.extend(messages))
    device = make_device()
    with django_capture_on_commit_callbacks(execute=True):
        events.record(EventType.CAPTURE_CREATED, device=device, subject=new_id())
        assert told == []
    assert told[0]["event"]["type"] == "capture.created" and told[0]["device_id"] == device.pk


def test_an_event_on_the_wire_is_small_ids_only():
    device, subject = make_device("porch"), new_id()
    events.record(EventType.COMMAND_CHANGED, device=device, subject=subject, sentence="secret words")
    event = events.as_json(Event.objects.get(type="command.changed"))
    assert event == {
        "seq": event["seq"],
        "type": "command.changed",
        "command": str(subject),
        "device": "porch",
    }


def test_since_returns_what_was_missed_and_the_newest_number():
    device = make_device()
    for _ in range(3):
        events.record(EventType.DEVICE_CHANGED, device=device)
    first = Event.objects.order_by("seq").first().seq
    items, newest = events.since(make_user("vera", "viewer"), first)
    assert [e["seq"] for e in items] == [first + 1, first + 2] and newest == first + 2


def test_since_leaves_out_what_the_person_may_not_see():
    garden = DeviceGroup.objects.create(name="garden")
    events.record(EventType.DEVICE_CHANGED, device=make_device("barn"))
    events.record(EventType.DEVICE_CHANGED, device=make_device("rose", group=garden))
    events.record(EventType.NOTICE, sentence="for owners")
    items, _ = events.since(make_user("vera", "viewer", garden), 0)
    assert [e["device"] for e in items] == ["rose"]


def test_old_silent_events_go_and_told_ones_stay():
    device = make_device()
    events.record(EventType.CAPTURE_CREATED, device=device)
    events.record(EventType.NOTICE, sentence="kept for a year")
    Event.objects.update(at=timezone.now() - timedelta(days=events.KEEP_DAYS + 1))
    events.prune()
    assert [e.sentence for e in Event.objects.all()] == ["kept for a year"]


def test_old_events_go_in_short_transactions_until_the_time_is_over(db, monkeypatch):
    monkeypatch.setattr(events, "_PRUNED_TOGETHER", 2)
    long_ago = timezone.now() - timedelta(days=events.KEEP_DAYS + 1)
    Event.objects.bulk_create(Event(type=EventType.NOTICE, at=long_ago) for _ in range(7))
    assert events.prune() == 2
    deleted: list[int] = []

    def watch(execute, sql, params, *rest):
        if sql.startswith("DELETE"):
            deleted.append(len(params))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(watch):
        assert events.prune(for_s=60) == 5
    assert deleted == [2, 2, 1]


def test_who_knows_a_number_that_is_not_there_yet_gets_the_one_to_go_on_from():
    events.record(EventType.NOTICE, sentence="the newest")
    newest = Event.objects.get().seq
    assert events.since(make_user("olga", "owner"), newest + 5) == ([], newest) and events.newest() == newest
