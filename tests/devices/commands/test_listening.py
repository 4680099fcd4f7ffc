"""Who listens for orders, and what whoever asked a device that does not is told at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.commands import listening
from devices.commands import queue as commands
from devices.commands.models import CommandState
from devices.events.models import Event
from devices.registry import presence
from devices.registry.models import Device, LinkState
from tests.builders import make_device

LONG_AGO = timedelta(minutes=1)


def nobody(code: str, topic: str) -> bool:
    return False


def everybody(code: str, topic: str) -> bool:
    return True


def make_connected(code: str = "porch", since: timedelta = LONG_AGO, **values) -> Device:
    now = timezone.now()
    device = make_device(code, **values)
    link = {"link_state": LinkState.CONNECTED, "link_changed_at": now - since, "last_seen_at": now}
    Device.objects.filter(pk=device.pk).update(**link)
    device.refresh_from_db()
    return device


def ending(command) -> tuple[str, str, str]:
    command.refresh_from_db()
    return command.state, command.reason_word, command.reason


def test_a_connected_camera_that_is_subscribed_to_nothing_is_told_of_at_once(db):
    command = commands.capture(make_connected())
    assert listening.fail_unheard(nobody) == 1
    sentence = "It does not listen for orders: it is not subscribed to photohub/porch/command."
    assert ending(command) == (CommandState.FAILED, "not_listening", sentence)
    assert Event.objects.told().get(subject=command.pk).text == sentence


def test_a_camera_that_sends_by_http_alone_is_told_of_at_once(db):
    command = commands.capture(make_device())
    presence.heard(command.device)
    assert listening.fail_unheard(nobody) == 1
    assert ending(command)[1:] == (
        "not_listening",
        "It does not listen for orders: it is not connected by MQTT.",
    )


def test_a_camera_that_has_just_connected_may_subscribe_first(db):
    command = commands.capture(make_connected(since=timedelta(seconds=1)))
    assert listening.fail_unheard(nobody) == 0
    assert ending(command)[0] == CommandState.QUEUED


def test_who_is_away_or_listens_keeps_the_command(db):
    away, unseen, listens = make_connected("away"), make_device("unseen"), make_connected("listens")
    presence.disconnected(away)
    commands.capture_many([away, unseen, listens])
    assert listening.fail_unheard(lambda code, topic: code == "listens") == 0


def test_what_connected_devices_listen_to_is_written_down_when_it_changes(db):
    device = make_connected()
    told = Event.objects.count()
    assert (listening.note_listeners(nobody), listening.note_listeners(nobody)) == (1, 0)
    device.refresh_from_db()
    assert device.listens is False and Event.objects.count() == told + 1
    assert listening.note_listeners(everybody) == 1
    device.refresh_from_db()
    assert device.listens is True


def test_a_device_that_has_just_connected_is_not_called_deaf(db):
    make_connected(since=timedelta(seconds=1))
    assert listening.note_listeners(nobody) == 0
    assert listening.note_listeners(everybody) == 1


@pytest.mark.parametrize("hears", [nobody, everybody])
def test_a_device_without_orders_is_passed_over(db, hears):
    make_connected("panel", profile="panel")
    assert listening.note_listeners(hears) == 0


def test_many_that_listen_cost_one_look(db, django_assert_num_queries):
    for number in range(3):
        make_connected(f"camera-{number}")
    listening.note_listeners(everybody)
    with django_assert_num_queries(1):
        listening.note_listeners(everybody)


def test_a_gateway_speaks_of_its_own_devices_alone(db):
    porch, barn = make_connected("porch"), make_connected("barn")
    ours = {"porch"}.__contains__
    asked = [commands.capture(porch), commands.capture(barn)]
    assert listening.note_listeners(nobody, ours) == 1 and listening.fail_unheard(nobody, ours) == 1
    assert [ending(command)[0] for command in asked] == [CommandState.FAILED, CommandState.QUEUED]
    barn.refresh_from_db()
    assert barn.listens is None
