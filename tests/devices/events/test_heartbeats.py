from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import heartbeats
from devices.events.models import ServiceBeat

pytestmark = pytest.mark.django_db


def test_a_heartbeat_says_whether_the_state_changed():
    assert [
        heartbeats.note("mirror", True),
        heartbeats.note("mirror", True),
        heartbeats.note("mirror", False, "down"),
    ] == [
        True,
        False,
        True,
    ]


def test_since_when_is_kept_while_nothing_changes():
    heartbeats.note("mirror", True)
    first = ServiceBeat.objects.get().changed_at
    heartbeats.note("mirror", True)
    assert ServiceBeat.objects.get().changed_at == first


def test_a_silent_part_is_not_well():
    heartbeats.note("worker", True)
    ServiceBeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert heartbeats.read("worker").ok is False and heartbeats.read("nobody") is None


def test_busy_parts_write_only_news():
    heartbeats.note("mirror", True)
    before = ServiceBeat.objects.get().at
    heartbeats.note_if_news("mirror", True)
    assert ServiceBeat.objects.get().at == before
    assert heartbeats.note_if_news("mirror", False, "down") is True


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_heartbeat_of_another_year_keeps_no_dead_part_alive_and_no_living_one_silent(jump):
    heartbeats.note("worker", True)
    ServiceBeat.objects.update(at=timezone.now() + jump)
    assert heartbeats.read("worker").ok is False
    assert heartbeats.note_if_news("worker", True) is False and heartbeats.read("worker").ok is True


def test_a_lease_from_the_future_binds_nobody():
    assert heartbeats.lease("pulls", "a", 20) and not heartbeats.lease("pulls", "b", 20)
    ServiceBeat.objects.update(at=timezone.now() + timedelta(days=400))
    assert heartbeats.lease("pulls", "b", 20) and not heartbeats.lease("pulls", "a", 20)
