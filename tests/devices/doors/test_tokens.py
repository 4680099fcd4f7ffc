import pytest

from devices.doors import tokens
from devices.models import RolloutTarget
from devices.ota import targets
from tests.devices.doors.offers import offer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_known():
    tokens.forget()


def test_a_token_opens_an_update_while_it_goes_on():
    made = offer(door="http")
    found = tokens.find_target(made.target.token)
    assert (found.pk, found.device.code, found.rollout.firmware.version) == (made.target.pk, "porch", "2.0.0")
    targets.report_version(made.device, "default", "2.0.0")
    assert tokens.find_target(made.target.token) is None


def test_a_waiting_devices_token_opens_nothing():
    assert tokens.find_target(offer().target.token) is None


def test_the_second_device_of_a_rollout_costs_one_query(django_assert_num_queries):
    made = offer(door="http")
    with django_assert_num_queries(2):
        tokens.find_target(made.target.token)
    with django_assert_num_queries(1):
        found = tokens.find_target(made.target.token)
        assert found.device.enabled and found.rollout.firmware.size_bytes


def test_what_is_remembered_is_forgotten_after_two_seconds(monkeypatch, django_assert_num_queries):
    made = offer(door="http")
    tokens.find_target(made.target.token)
    monkeypatch.setattr(tokens.time, "monotonic", lambda: 1e12)
    with django_assert_num_queries(2):
        tokens.find_target(made.target.token)


def test_progress_can_be_noted_without_another_look(django_assert_num_queries):
    made = offer(door="http")
    target = tokens.find_target(made.target.token)
    # The row and its event, inside a savepoint.
    with django_assert_num_queries(4):
        targets.note_flashing(target)
    assert RolloutTarget.objects.get(pk=target.pk).percent == 100
