"""What a sleeping camera finds in the answer to its upload, and that an order in it is carried out once."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.camera_settings import one_wake
from devices.camera_settings import queue as wishes
from devices.commands import listening
from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.protocol import light
from devices.registry import presence
from devices.registry.models import Device
from media_pipeline.intake.ingest import ingest
from tests.builders import make_device, make_upload

ANSWER = light.encode_ok(url="http://hub/p/abc", id="1")


@pytest.fixture
def owl(db):
    return make_device("owl", command_topic="", one_wake=True, reporting_interval_s=900)


def told(device: Device, **how) -> dict:
    return json.loads(one_wake.extend_answer(ANSWER, device, **how))


def run_out(command: Command, field: str = "expires_at") -> None:
    Command.objects.filter(pk=command.pk).update(**{field: timezone.now() - timedelta(seconds=1)})
    command.refresh_from_db()


def state_of(command: Command) -> str:
    command.refresh_from_db()
    return command.state


def test_a_camera_with_no_order_is_told_the_time_and_how_long_to_sleep(owl, settings):
    settings.HUB_TIME_ZONE = "Asia/Shanghai"
    answer = told(owl)
    assert answer.keys() == json.loads(ANSWER).keys() | {"sleep_s", "time_ms", "zone"}
    assert (answer["sleep_s"], answer["zone"]) == (900, "+08:00")
    assert abs(answer["time_ms"] / 1000 - timezone.now().timestamp()) < 10


def test_an_order_is_given_once_oldest_first_and_is_sent_then(owl):
    first, second = commands.capture(owl), commands.capture(owl)
    assert [told(owl)["command"]["name"] for _ in range(2)] == [first.name, second.name]
    assert state_of(first) == CommandState.SENT and "command" not in told(owl)
    assert commands.claim_to_send() == []


def test_an_order_that_the_broker_is_about_to_send_is_not_given_as_well(db):
    device = make_device("owl", one_wake=True)
    commands.capture(device)
    assert len(commands.claim_to_send()) == 1
    assert "command" not in told(device)


def test_the_picture_of_the_order_ends_it_and_brings_the_next(owl):
    first, second = commands.capture(owl), commands.capture(owl)
    name = told(owl)["command"]["name"]
    ingest(make_upload(owl, name=name))
    assert state_of(first) == CommandState.UPLOADED
    assert told(owl)["command"]["name"] == second.name


def test_an_order_without_a_picture_waits_for_the_next_wake_under_its_name(owl):
    command = commands.capture(owl)
    before, name = command.expires_at, told(owl)["command"]["name"]
    run_out(command)
    assert commands.expire_due() == 0 and state_of(command) == CommandState.QUEUED
    assert command.expires_at == before
    assert told(owl)["command"]["name"] == name


def test_an_order_that_never_brings_a_picture_has_an_end(owl):
    command = commands.capture(owl)
    for _ in range(commands.ANSWERS_AT_MOST):
        assert "command" in told(owl)
        run_out(command)
        commands.expire_due()
    assert state_of(command) == CommandState.EXPIRED and command.reason_word == "no_picture"


def test_an_order_does_not_wait_longer_than_its_time(owl):
    command = commands.capture(owl)
    told(owl)
    run_out(command, "returns_until")
    run_out(command)
    assert commands.expire_due() == 1 and state_of(command) == CommandState.EXPIRED


def test_a_repeated_upload_is_told_the_same_order_again(owl):
    command = commands.capture(owl)
    assert told(owl)["command"] == told(owl, repeated=True)["command"]
    assert state_of(command) == CommandState.SENT and "command" not in told(owl)


def test_an_order_sent_by_mqtt_is_not_given_in_an_answer(db):
    device = make_device("owl", one_wake=True)
    commands.capture(device)
    commands.note_all_sent(commands.claim_to_send())
    assert "command" not in told(device, repeated=True)


def test_an_order_is_left_where_it_is_when_the_answer_has_no_room_for_it(owl):
    command = commands.capture(owl)
    long = light.encode_ok(url="http://" + "h" * 260, id="0" * 36)
    answer = json.loads(one_wake.extend_answer(long, owl))
    assert "command" not in answer and "sleep_s" in answer
    assert state_of(command) == CommandState.QUEUED


def test_an_order_waits_for_two_wakes_and_says_so_when_none_came(owl):
    presence.heard(owl)
    assert presence.why_deaf(owl) is None
    command = commands.capture(owl)
    assert command.expires_at - command.created_at == timedelta(seconds=2 * 900 + 60)
    assert listening.fail_unheard(lambda code, topic: False) == 0
    run_out(command)
    commands.expire_due()
    assert state_of(command) == CommandState.EXPIRED and command.reason_word == "not_awake"


def test_the_order_is_found_among_many_that_ended_in_few_steps(owl, django_assert_num_queries):
    commands.capture(owl)
    # The settings and the targets of updates; the order, its claim and its event with their savepoints.
    with django_assert_num_queries(7):
        told(owl)
    with django_assert_num_queries(3):
        told(owl)


def test_a_wish_comes_along_until_the_camera_has_it(owl):
    wishes.vouch(owl, True)
    assert "settings_version" not in told(owl)
    wishes.wish(owl, {"quality": 80, "sleep_s": 600})
    answer = told(owl)
    assert (answer["settings_version"], answer["settings"]) == (1, {"quality": 80, "sleep_s": 600})
    assert answer["sleep_s"] == 600 and wishes.read(owl).wish_state == "sent"
    answer = told(owl, settings_version=1)
    assert answer["settings_version"] == 1 and "settings" not in answer
    row = wishes.read(owl)
    assert (row.wish_state, row.reported) == ("applied", row.desired)


def test_an_older_number_ends_no_wish(owl):
    wishes.vouch(owl, True)
    wishes.wish(owl, {"quality": 80})
    assert "settings" in told(owl, settings_version=0)
    assert wishes.read(owl).reported_at is None


def test_a_restart_comes_behind_the_pictures_and_once(owl):
    wishes.vouch(owl, True)
    name = wishes.restart(owl).restart_name
    picture = commands.capture(owl)
    assert told(owl)["command"]["name"] == picture.name
    assert told(owl)["command"] == {"action": 1, "name": name}
    assert "command" not in told(owl, repeated=True) or told(owl, repeated=True)["command"]["action"] == 0
