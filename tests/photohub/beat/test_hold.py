"""What the row of the schedule says to a beat that comes, and to one that leaves amid a statement."""

import pytest

from devices.leases import holding
from devices.leases.models import Lease
from photohub.beat import hold as holds
from photohub.beat.hold import Hold

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_was_rung_for_in_the_future_is_due():
    first = Hold()
    assert first.keep() and first.note_rung("sweep") and first.age_s("sweep") < 1
    first.release()
    Lease.objects.filter(pk=holds.NAME).update(facts={"rung": {"sweep": 9_999_999_999.0, "other": 1.0}})
    second = Hold()
    assert second.keep()
    assert second.age_s("sweep") is None and second.age_s("other") > 1e6


def test_who_holds_nothing_may_ring_for_nothing():
    first, second = Hold(), Hold()
    assert first.keep() and not second.keep() and not second.note_rung("sweep")
    [seen] = holding.read(pk=holds.NAME)
    assert seen.row.place == first.process.place


def test_what_left_the_schedule_is_forgotten():
    first = Hold()
    assert first.keep() and first.note_rung("old") and first.note_rung("kept")
    first.forget_others(["kept"])
    assert first.note_rung("kept")
    assert list(Lease.objects.get(pk=holds.NAME).facts["rung"]) == ["kept"]
