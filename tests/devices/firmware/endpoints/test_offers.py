import pytest

from devices.firmware.endpoints import offers as offering
from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import TargetState
from tests.devices.firmware.builders import IMAGE, move_clock
from tests.devices.firmware.endpoints.offered import offer

pytestmark = pytest.mark.django_db


def ask(made, version: str = "1.0.0"):
    return offering.ask(made.device, "default", version, "http")


def test_the_new_version_proves_and_there_is_nothing_more():
    made = offer(door="http")
    assert ask(made, "2.0.0") is None
    assert made.now().state == TargetState.PROVED


def test_a_device_that_comes_back_with_the_old_version_may_try_again(monkeypatch):
    made = offer(door="http")
    targets.note_flashing(made.now())
    move_clock(monkeypatch, 60)
    assert ask(made).again
    assert (made.now().state, made.now().offers) == (TargetState.OFFERED, 2)


def test_a_device_that_asks_while_bytes_flow_has_not_used_up_a_try(monkeypatch):
    made = offer(door="http")
    move_clock(monkeypatch, 60)
    targets.note_download(made.now(), len(IMAGE) // 2)
    assert ask(made).again
    assert (made.now().state, made.now().offers) == (TargetState.DOWNLOADING, 1)


def test_fetching_it_again_and_again_without_starting_it_is_a_failure_of_its_own(monkeypatch):
    made = offer(door="http", offers_at_most=1)
    targets.note_flashing(made.now())
    move_clock(monkeypatch, 60)
    assert ask(made) is None
    assert (made.now().state, made.now().reason_word) == (TargetState.FAILED, "old_version")


def test_a_version_that_nobody_waits_for_is_kept():
    made = offer()
    assert ask(made, "1.0.7").firmware.version == "2.0.0"
    assert made.now().from_version == "1.0.7"
