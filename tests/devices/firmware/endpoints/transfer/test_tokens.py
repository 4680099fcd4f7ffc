import pytest

from devices.firmware.endpoints.transfer import tokens
from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import RolloutTarget
from tests.devices.firmware.endpoints.offered import offer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_known():
    tokens.forget()


def find(token: str) -> RolloutTarget | None:
    return tokens.find_targets([token]).get(token)


def test_a_token_opens_an_update_while_it_goes_on():
    made = offer(door="http")
    found = find(made.target.token)
    assert (found.pk, found.device.code, found.rollout.firmware.version) == (made.target.pk, "porch", "2.0.0")
    targets.report_version(made.device, "default", "2.0.0")
    assert find(made.target.token) is None


def test_a_waiting_devices_token_opens_nothing():
    assert find(offer().target.token) is None


def test_the_second_device_of_a_rollout_costs_one_query(django_assert_num_queries):
    made = offer(door="http")
    with django_assert_num_queries(2):
        find(made.target.token)
    with django_assert_num_queries(1):
        found = find(made.target.token)
        assert found.device.enabled and found.rollout.firmware.size_bytes


def test_many_tokens_cost_one_query(django_assert_num_queries):
    first, second = offer(door="http"), offer("barn", door="http", facts={"version": "2.1.0"})
    with django_assert_num_queries(3):
        found = tokens.find_targets([first.target.token, "unknown", second.target.token])
    assert {t: target.device.code for t, target in found.items()} == {
        first.target.token: "porch",
        second.target.token: "barn",
    }


def test_what_is_remembered_is_forgotten_after_two_seconds(monkeypatch, django_assert_num_queries):
    made = offer(door="http")
    find(made.target.token)
    monkeypatch.setattr(tokens.time, "monotonic", lambda: 1e12)
    with django_assert_num_queries(2):
        find(made.target.token)


def test_progress_can_be_noted_without_another_look(django_assert_num_queries):
    made = offer(door="http")
    target = find(made.target.token)
    # The row and its event, inside a savepoint.
    with django_assert_num_queries(4):
        targets.note_flashing(target)
    assert RolloutTarget.objects.get(pk=target.pk).percent == 100
