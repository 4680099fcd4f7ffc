from datetime import timedelta

import pytest
from django.utils import timezone

from devices import beats
from devices.models import ServiceBeat

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
