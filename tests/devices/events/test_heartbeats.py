from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import heartbeats as beats
from devices.events.models import ServiceBeat

pytestmark = pytest.mark.django_db


def test_a_beat_says_whether_the_state_changed():
    assert [beats.beat("mirror", True), beats.beat("mirror", True), beats.beat("mirror", False, "down")] == [
        True,
        False,
        True,
    ]


def test_since_when_is_kept_while_nothing_changes():
    beats.beat("mirror", True)
    first = ServiceBeat.objects.get().changed_at
    beats.beat("mirror", True)
    assert ServiceBeat.objects.get().changed_at == first


def test_a_silent_part_is_not_well():
    beats.beat("worker", True)
    ServiceBeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert beats.read("worker").ok is False and beats.read("nobody") is None


def test_busy_parts_write_only_news():
    beats.beat("mirror", True)
    before = ServiceBeat.objects.get().at
    beats.beat_if_news("mirror", True)
    assert ServiceBeat.objects.get().at == before
    assert beats.beat_if_news("mirror", False, "down") is True


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_beat_of_another_year_keeps_no_dead_part_alive_and_no_living_one_silent(jump):
    beats.beat("worker", True)
    ServiceBeat.objects.update(at=timezone.now() + jump)
    assert beats.read("worker").ok is False
    assert beats.beat_if_news("worker", True) is False and beats.read("worker").ok is True


def test_a_lease_from_the_future_binds_nobody():
    assert beats.lease("pulls", "a", 20) and not beats.lease("pulls", "b", 20)
    ServiceBeat.objects.update(at=timezone.now() + timedelta(days=400))
    assert beats.lease("pulls", "b", 20) and not beats.lease("pulls", "a", 20)
