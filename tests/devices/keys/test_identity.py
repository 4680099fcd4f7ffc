from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.keys import identity, tokens
from devices.keys.identity import Claim, identify
from devices.registry.models import DeviceKey
from devices.setup import adding
from tests.builders import make_device, make_user


def test_a_new_device_is_found_by_its_key(db):
    made = adding.add_device(code="porch", name="Porch", profile="generic")

    assert identity.find_device(made.key) == made.device
    assert made.device_secret is None


def test_the_key_itself_is_nowhere_in_the_database(db):
    made = adding.add_device(code="porch", name="Porch", profile="generic")

    assert made.key not in str(DeviceKey.objects.values().get())


def test_a_device_with_a_product_key_gets_a_secret_that_can_be_read_back(db):
    made = adding.add_device(code="stm", name="", profile="esp8266-stm32")

    assert identity.device_secret(made.device) == made.device_secret
    assert made.device_secret.encode() not in bytes(made.device.device_secret_encrypted)


def test_a_new_device_secret_replaces_the_old_one(db):
    made = adding.add_device(code="stm", name="", profile="esp8266-stm32")
    secret = identity.issue_device_secret(made.device)

    assert secret != made.device_secret
    assert identity.device_secret(made.device) == secret


@pytest.mark.parametrize("code", ["", "a", "Porch", "-porch", "a b", "a" * 33, "add", "pörch"])
def test_a_wrong_code_is_refused(db, code):
    with pytest.raises(ValidationError):
        adding.add_device(code=code, name="x", profile="generic")


def test_a_profile_that_does_not_exist_is_refused(db):
    with pytest.raises(ValidationError, match="no profile"):
        adding.add_device(code="porch", name="", profile="toaster")


def test_of_three_keys_the_oldest_ends(db):
    made = adding.add_device(code="porch", name="", profile="generic")
    second, third = identity.issue_key(made.device), identity.issue_key(made.device)

    assert identity.find_device(made.key) is None
    assert identity.find_device(second) == identity.find_device(third) == made.device


def test_a_revoked_key_finds_nobody(db):
    made = adding.add_device(code="porch", name="", profile="generic")
    identity.revoke_key(made.device.keys.get())

    assert identity.find_device(made.key) is None


def test_a_key_that_only_begins_like_a_real_one_finds_nobody(db):
    made = adding.add_device(code="porch", name="", profile="generic")

    assert identity.find_device(made.key[:8] + "x" * 35) is None


def test_the_use_of_a_key_is_noted_once_a_minute(db, django_assert_num_queries):
    made = adding.add_device(code="porch", name="", profile="generic")
    identity.find_device(made.key)
    with django_assert_num_queries(1):
        identity.find_device(made.key)

    assert made.device.keys.get().last_used_at is not None


def test_an_issued_name_proves_the_device(db):
    porch = make_device("porch", profile="esp32s3")
    command = commands.capture(porch)

    assert identify(Claim(name=command.name)).command == command


def test_an_issued_name_proves_nothing_once_its_time_is_over(db):
    porch = make_device("porch", profile="esp32s3")
    command = commands.capture(porch)
    Command.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert identify(Claim(name=command.name)) is None


def test_an_issued_name_proves_nothing_where_the_endpoint_is_closed(db):
    command = commands.capture(make_device("porch"))

    assert identify(Claim(name=command.name)) is None


def test_a_network_proves_the_one_device_that_has_it(db):
    porch = make_device("porch", allowed_network="192.168.1.0/24")

    assert identify(Claim(name="x", address="::ffff:192.168.1.40")).device == porch
    assert identify(Claim(name="x", address="10.0.0.1")) is None


def test_a_wrong_key_is_not_helped_by_the_network(db):
    make_device("porch", allowed_network="192.168.1.0/24")

    assert identify(Claim(key="wrong", address="192.168.1.40")) is None


def test_a_token_works_until_it_ends_or_its_person_leaves(db):
    alice = make_user("alice", "owner")
    token, secret = tokens.new_token(alice, "script", ["read"])

    assert tokens.find_token(secret) == token
    alice.is_active = False
    alice.save()
    assert tokens.find_token(secret) is None


def test_an_expired_token_finds_nobody(db):
    past = timezone.now() - timedelta(seconds=1)
    _token, secret = tokens.new_token(make_user("alice", "owner"), "script", expires_at=past)

    assert tokens.find_token(secret) is None
