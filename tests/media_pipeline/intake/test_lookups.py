from datetime import timedelta

import pytest
from django.utils import timezone

from devices.commands.models import Command, CommandState
from devices.keys import identity
from devices.registry.models import DeviceKey
from devices.setup import adding
from media_pipeline.intake import lookups
from photohub.lib.database.db import inline
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def make_command(device, name, **values) -> Command:
    values = {"expires_at": timezone.now() + timedelta(seconds=30), **values}
    return Command.objects.create(device=device, name=name, **values)


def make_key(code="porch") -> DeviceKey:
    device = adding.add_device(code=code, name=code, profile="generic").device
    return device.keys.get()


def test_live_keys_and_awaited_names_are_found_with_one_question():
    key = make_key()
    command = make_command(key.device, "awaited")
    told = lookups.look_up({key.pk}, set(), {"awaited", "other"}, timezone.now())
    assert told.live_keys == {key.pk}
    assert told.commands == {(key.device_id, "awaited"): command}


def test_a_revoked_key_holds_no_longer_and_a_disabled_device_may_not_send():
    revoked, disabled, good = make_key("cam-a"), make_key("cam-b"), make_key("cam-c")
    identity.revoke_key(revoked)
    disabled.device.enabled = False
    disabled.device.save()
    keys, gone = (revoked, disabled, good), 10**6
    told = lookups.look_up({k.pk for k in keys}, {gone, *(k.device_id for k in keys)}, {"n"}, timezone.now())
    assert told.live_keys == {disabled.pk, good.pk}
    assert told.devices == {revoked.device_id, good.device_id}


@pytest.mark.parametrize("state", Command.FINAL)
def test_a_command_that_has_ended_awaits_nothing(state):
    make_command(make_device(), "n", state=state)
    assert lookups.look_up(set(), set(), {"n"}, timezone.now()).commands == {}


def test_a_command_whose_time_is_over_awaits_nothing():
    now = timezone.now()
    make_command(make_device(), "n", state=CommandState.SENT, expires_at=now)
    assert lookups.look_up(set(), set(), {"n"}, now).commands == {}
    assert lookups.look_up(set(), set(), {"n"}, now - timedelta(seconds=1)).commands


def test_nothing_is_asked_about_no_picture(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert lookups.look_up(set(), set(), set(), timezone.now()) == lookups.Known(set(), set(), {})


def test_states_stand_in_the_statement_as_plain_words():
    for state in Command.OPEN:
        assert f"{inline(state).sql}" in lookups._statement(1, 1, 1)
