from datetime import timedelta

import pytest
from django.utils import timezone

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.panels.overview import now
from devices.panels.playlists import turns
from devices.registry.models import Device, Panel
from tests.builders import make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db


def tell(device: Device) -> now.PanelNow:
    user = make_user("alice", "owner")
    [told] = now.tell(now.with_facts(Device.objects.filter(pk=device.pk)), user)
    return told


def make_fetching(**values) -> Device:
    hall = make_device("hall", profile="panel", picture_topic="", picture_ack_topic="")
    Panel.objects.filter(device=hall).update(**values)
    return hall


def test_a_panel_that_never_came_is_not_expected():
    told = tell(make_fetching())
    assert told.fetches and told.next_at is None and not told.is_late


def test_a_panel_that_fetches_is_expected_after_its_sleep():
    came_at = timezone.now()
    told = tell(make_fetching(last_poll_at=came_at, poll_interval_s=600))
    assert told.next_at == came_at + timedelta(minutes=10) and not told.is_late


def test_a_slow_clock_is_not_late():
    came_at = timezone.now() - timedelta(seconds=630)
    assert not tell(make_fetching(last_poll_at=came_at, poll_interval_s=600)).is_late


def test_a_panel_on_mqtt_gets_the_next_one_of_its_playlist():
    hall = make_device("hall", profile="panel")
    Panel.objects.filter(device=hall).update(last_poll_at=timezone.now())
    assert tell(hall).next_at is None

    turns.add_picture(hall, make_jpeg(), "a")
    [told] = now.tell(now.with_facts(Device.objects.filter(pk=hall.pk)), make_user("bob", "owner"))
    assert told.next_at and told.in_turn == 1


def test_what_is_on_its_way_is_known():
    hall = make_device("hall", profile="panel")
    deliveries.deliver(hall, Wish(PictureOrigin.UPLOAD, "a", make_jpeg()))
    assert tell(hall).has_open
