"""Connections that are turned away: told once when it begins and once when it ends."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from devices.events import overload
from devices.events.models import Event, ServiceBeat
from photohub.lib.http import socket_guard

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", [overload.STREAMS, overload.MQTT])
def test_a_crowd_is_told_when_it_begins_and_when_it_is_over(name):
    assert overload.note(name, 0, 100) is False
    assert not ServiceBeat.objects.exists() and overload.found() is None
    # While it is not told to be over, it is to be looked at again.
    assert [overload.note(name, turned_away, 100) for turned_away in (3, 1, 0)] == [True, True, True]
    assert Event.objects.get().problem and "at most 100" in overload.found()[0].text
    ServiceBeat.objects.update(at=timezone.now() - timedelta(seconds=overload.CALM_S + 1))
    assert overload.note(name, 0, 100) is False
    assert overload.found() is None
    assert [event.problem for event in Event.objects.order_by("seq")] == [True, False]


@pytest.mark.parametrize("why", [socket_guard.LARGE, socket_guard.PIECES, socket_guard.TOGETHER])
def test_what_was_cut_off_is_an_event_in_the_readers_language(why):
    overload.note_cut_off(why, "/mqtt" + "x" * 500, 3)
    event = Event.objects.get()
    assert event.problem and "/mqttxx" in event.text and len(event.text) < 300
    with override("zh-hans"):
        assert event.text.endswith("3 次。")
