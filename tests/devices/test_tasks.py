"""What keeps the sweep of devices at its pace, while everything else is looked for after a commit."""

import pytest

from devices import tasks
from devices.commands import queue as commands
from devices.panels.deliveries import queue as deliveries
from devices.panels.playlists import turns as playlists
from photohub.lib.database.commits import count_commits
from photohub.lib.messaging.tasks import WAITS
from tests.builders import make_device, make_jpeg
from tests.deliveries import make_panel, ready, sending, wish
from tests.devices.firmware.builders import make_devices, make_rollout

pytestmark = pytest.mark.django_db(transaction=True)


def waits() -> bool:
    assert WAITS["devices.tasks.sweep"] is tasks._something_waits
    return tasks._something_waits()


def test_a_sweep_that_finds_nothing_commits_nothing_or_it_would_wake_itself_for_ever():
    make_device()
    ready(make_panel())
    tasks.sweep()
    before = count_commits()
    tasks.sweep()
    assert count_commits() == before


def test_devices_that_are_only_there_wait_for_nothing():
    make_device()
    ready(make_panel())
    assert not waits()


def test_an_order_waits_until_it_has_ended():
    command = commands.capture(make_device())
    assert waits()
    commands.cancel(command)
    assert not waits()


@pytest.mark.parametrize("begin", [lambda panel: deliveries.deliver(panel, wish()), sending])
def test_a_picture_waits_until_it_is_made_and_while_it_is_sent(begin):
    delivery = begin(make_panel())
    assert waits()
    delivery.refresh_from_db()
    deliveries.cancel(delivery)
    assert not waits()


def test_a_playlist_has_its_turns():
    panel = make_panel()
    playlists.replace(panel, [playlists.Entry(picture=make_jpeg())])
    assert waits()
    playlists.replace(panel, [])
    assert not waits()


def test_a_rollout_goes_on_by_the_clock():
    make_rollout(make_devices(2))
    assert waits()
