from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.events import heartbeats
from devices.events.models import Event
from devices.protocol import light
from devices.registry import presence
from devices.registry.models import Device, LinkState
from tests.builders import make_device, make_user


def age(command: Command, **seconds) -> None:
    """Move the command's end into the past."""
    Command.objects.filter(pk=command.pk).update(expires_at=timezone.now() - timedelta(**seconds))


def test_a_command_waits_for_the_camera_under_an_unguessable_name(db):
    alice = make_user("alice", "owner")
    command = commands.capture(make_device(), name="cat", user=alice)

    assert (command.state, command.asked_by) == (CommandState.QUEUED, alice)
    assert command.name.startswith("cat-") and 20 <= len(command.name) <= 49


def test_a_device_without_a_command_topic_cannot_be_told(db):
    with pytest.raises(commands.CannotCommand, match="no command topic"):
        commands.capture(make_device("pi", profile="raspberry-pi"))


def test_a_device_that_is_switched_off_cannot_be_told(db):
    with pytest.raises(commands.CannotCommand, match="turned off"):
        commands.capture(make_device(enabled=False))


def test_many_are_asked_with_few_commits_and_all_are_told_of(db, django_assert_max_num_queries):
    devices = [make_device(f"cam-{number}") for number in range(7)]
    before = Event.objects.count()
    with django_assert_max_num_queries(4):
        made = commands.capture_many(devices, user=None)
    assert [c.device for c in made] == devices and len({c.name for c in made}) == 7
    told = Event.objects.order_by("seq")[before:]
    assert [e.subject for e in told] == [c.pk for c in made]
    assert set(Command.objects.values_list("state", flat=True)) == {CommandState.QUEUED}


def test_one_deaf_device_among_many_keeps_all_from_being_asked(db):
    with pytest.raises(commands.CannotCommand, match="barn"):
        commands.capture_many([make_device("porch"), make_device("barn", enabled=False)])
    assert not Command.objects.exists()


def test_many_that_were_told_are_noted_together(db, django_assert_max_num_queries):
    made = commands.capture_many([make_device("porch"), make_device("barn")])
    Command.objects.filter(pk=made[0].pk).update(state=CommandState.UPLOADED)
    before = Event.objects.count()
    assert commands.note_all_sent(made) == [None, None]
    states = dict(Command.objects.values_list("device__code", "state"))
    assert states == {"porch": CommandState.UPLOADED, "barn": CommandState.SENT}
    assert not Command.objects.filter(sent_at=None).exists()
    assert Event.objects.count() == before + 1


def test_a_row_that_somebody_else_holds_is_left_to_the_next_claim_and_noted_by_itself(db, monkeypatch):
    held, free = commands.capture_many([make_device("porch"), make_device("barn")])
    # What PostgreSQL answers while another transaction has the first row.
    monkeypatch.setattr(commands, "_lock_free", lambda some: {c.pk for c in some} - {held.pk})
    assert commands.claim_to_send() == [free]
    before = Event.objects.count()
    commands.note_all_sent([held, free])
    assert set(Command.objects.values_list("state", flat=True)) == {CommandState.SENT}
    assert Event.objects.count() == before + 2


def test_a_command_is_claimed_by_one_gateway_only(db):
    command = commands.capture(make_device())

    assert commands.claim_to_send() == [command]
    assert commands.claim_to_send() == []


def test_a_command_given_back_is_claimed_again(db):
    commands.capture(make_device())
    commands.unclaim(commands.claim_to_send()[0])

    assert len(commands.claim_to_send()) == 1


def test_a_command_for_a_lost_device_is_not_claimed(db):
    commands.capture(make_device())
    Device.objects.update(link_state=LinkState.LOST)

    assert commands.claim_to_send() == []


def test_a_command_whose_device_does_not_listen_stays(db):
    commands.capture(make_device())

    assert commands.claim_to_send(hears=lambda code, topic: False) == []


def test_an_expired_command_is_never_sent(db):
    age(commands.capture(make_device()), seconds=1)

    assert commands.claim_to_send() == []


def test_the_camera_has_its_whole_time_from_the_sending_on(db):
    command = commands.capture(make_device(command_timeout_s=60), timeout_s=10)
    commands.note_all_sent([command])
    command.refresh_from_db()

    assert command.state == CommandState.SENT
    assert command.expires_at - command.sent_at == timedelta(seconds=60)


def test_the_payload_is_what_the_device_wants(db):
    command = commands.capture(make_device(action_as_string=True))

    assert commands.payload_of(command) == light.encode_capture(command.name, action_as_string=True)


@pytest.mark.parametrize(
    "end", [commands.cancel, lambda command, why: commands.fail(command, "camera_said", why)]
)
def test_a_command_ends_once(db, end):
    command = commands.capture(make_device())

    assert end(command, "why")
    assert not commands.fail(command, "camera_said", "again")
    command.refresh_from_db()
    assert command.reason == "why" and command.finished_at


def test_a_failure_is_told_as_a_problem_and_a_cancellation_is_not(db):
    porch = make_device()
    commands.fail(commands.capture(porch), "camera_said", "Out of buffer")
    commands.cancel(commands.capture(porch), "Cancelled by alice.")

    assert [e.sentence for e in porch.events.filter(problem=True)] == ["Out of buffer"]


def test_an_expired_command_says_that_the_camera_never_connected(db):
    command = commands.capture(make_device())
    age(command, seconds=1)

    assert commands.expire_due() == 1
    command.refresh_from_db()
    assert (command.state, command.reason) == (
        CommandState.EXPIRED,
        "The camera has never connected.",
    )


def test_an_expired_command_says_that_no_picture_came(db):
    command = commands.capture(make_device())
    commands.note_all_sent([command])
    age(command, seconds=1)
    commands.expire_due()
    command.refresh_from_db()

    assert command.reason == "The camera was told, but no picture came within 30 s."


def test_five_hundred_cameras_that_never_connected_keep_nobody_waiting(db):
    deaf = Device.objects.bulk_create(
        Device(code=f"deaf-{n}", name="x", profile="generic", command_topic=f"deaf/{n}") for n in range(501)
    )
    commands.capture_many(deaf)
    asked = commands.capture(make_device("porch"))
    assert commands.claim_to_send(hears=lambda code, topic: code == "porch") == [asked]
    assert len(commands.claim_to_send(limit=50)) == 50


def test_a_command_of_the_future_ends_and_one_claimed_there_is_sent(db):
    ahead = timezone.now() + timedelta(days=400)
    claimed, asked = commands.capture(make_device("porch")), commands.capture(make_device("gate"))
    Command.objects.filter(pk=claimed.pk).update(claimed_at=ahead)
    Command.objects.filter(pk=asked.pk).update(created_at=ahead, expires_at=ahead)
    assert commands.expire_due() == 1
    assert commands.claim_to_send() == [claimed]


def test_an_expired_command_of_a_camera_that_is_online_says_what_was_missing(db):
    heard, unheard = commands.capture(make_device("porch")), commands.capture(make_device("gate"))
    for command in (heard, unheard):
        presence.connected(command.device)
        age(command, seconds=1)
    heartbeats.note(heartbeats.BROKER, True)
    commands.expire_due()
    heard.refresh_from_db()
    assert (heard.reason_word, heard.reason) == (
        "not_listening",
        "It does not listen for orders: it is not subscribed to photohub/porch/command.",
    )


def test_an_expired_command_says_that_the_broker_was_away(db):
    command = commands.capture(make_device())
    presence.connected(command.device)
    age(command, seconds=1)
    heartbeats.note(heartbeats.BROKER, False)
    commands.expire_due()
    command.refresh_from_db()
    assert command.reason_word == "broker_away"


def test_an_expired_command_keeps_since_when_the_camera_is_offline(db):
    command = commands.capture(make_device())
    presence.connected(command.device)
    presence.disconnected(command.device)
    age(command, seconds=1)
    commands.expire_due()
    command.refresh_from_db()
    since = command.device.link_changed_at
    assert command.reason_said["values"] == {"time": {"at": since.astimezone(UTC).isoformat()}}


def test_how_a_command_ended_can_be_put_away_once_it_has(db):
    command = commands.capture(make_device())
    assert not commands.dismiss(command)
    commands.fail(command, "camera_said", "Out of buffer")
    assert commands.dismiss(command)
    command.refresh_from_db()
    assert command.dismissed_at
