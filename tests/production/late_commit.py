"""Run in the stack's environment: an event whose commit comes after that of the next one is not passed over."""

import threading

from django.db import connection, transaction

from devices.events import record as events
from devices.events.models import Event, EventType
from photohub.lib.database import sequence
from tests.builders import make_user


def check() -> None:
    """Raise AssertionError when a late event is lost, or one that never comes holds up the others for ever."""
    owner, start = make_user("late-commit", "owner"), events.newest()
    drawn, may_commit = threading.Event(), threading.Event()
    thread = threading.Thread(target=_record_slowly, args=(drawn, may_commit))
    thread.start()
    try:
        assert drawn.wait(10)
        events.record(EventType.NOTICE, sentence="early")
        early = Event.objects.get(sentence="early").seq
        items, seq = events.since(owner, start)
        assert seq < early and early not in {item["seq"] for item in items}, (
            "what comes after a gap waits for it"
        )
        sequence._LOWEST, lowest = sequence._LOWEST.replace("'60 seconds'", "'0 seconds'"), sequence._LOWEST
        assert early in {item["seq"] for item in events.since(owner, start)[0]}, "nobody waits for ever"
        sequence._LOWEST = lowest
    finally:
        may_commit.set()
        thread.join()
    items, seq = events.since(owner, start)
    # Other parts of the hub may say something meanwhile.
    told = Event.objects.filter(sentence__in=("late", "early")).order_by("seq")
    assert [row.sentence for row in told] == ["late", "early"]
    assert {row.seq for row in told} <= {item["seq"] for item in items} and told.last().seq <= seq
    assert events.since(owner, seq + 1000)[0] == []
    _check_a_rollback(owner, seq)
    print("nothing is lost")


def _record_slowly(drawn: threading.Event, may_commit: threading.Event) -> None:
    with transaction.atomic():
        events.record(EventType.NOTICE, sentence="late")
        drawn.set()
        may_commit.wait(10)
    connection.close()


def _check_a_rollback(owner, seq: int) -> None:
    with transaction.atomic():
        events.record(EventType.NOTICE, sentence="never")
        transaction.set_rollback(True)
    assert events.since(owner, seq)[1] > seq, "a number that nobody has is no gap"
