import pytest

from devices.doors import ddi_actions
from devices.doors.call import Refused
from devices.models import TargetState
from devices.ota import targets
from devices.protocol.ddi import ConfigData, Feedback
from tests.builders import make_device
from tests.devices.doors.offers import offer
from tests.devices.ota.firmware import move_clock

pytestmark = pytest.mark.django_db
SUCCESS = Feedback(7, "success", "closed")


@pytest.fixture
def made():
    return offer(door="ddi")


def say(made, feedback: Feedback):
    ddi_actions.take_feedback(made.now(), feedback)
    return made.now()


def test_success_without_having_fetched_anything_is_a_lie(made):
    now = say(made, SUCCESS)
    assert (now.state, now.reason_word) == (TargetState.FAILED, "unfetched")


def test_success_with_the_old_version_is_a_lie(made):
    targets.note_flashing(made.now())
    ddi_actions.take_config(made.device, ConfigData("merge", {"version": "1.0.0"}))
    now = say(made, SUCCESS)
    assert (now.state, now.reason_word) == (TargetState.FAILED, "old_version")


def test_a_success_that_is_said_twice_proves_once(made):
    targets.note_flashing(made.now())
    assert [say(made, SUCCESS).state for _ in range(2)] == [TargetState.PROVED] * 2
    assert ddi_actions.find_open(made.device) is None


def test_what_is_said_after_the_end_changes_nothing(made):
    targets.note_failed(made.now(), "silent")
    assert say(made, SUCCESS).state == TargetState.FAILED


@pytest.mark.parametrize(
    ("execution", "state", "percent"),
    [("proceeding", TargetState.DOWNLOADING, 0), ("downloaded", TargetState.FLASHING, 100)],
)
def test_progress_moves_the_row(made, execution, state, percent):
    now = say(made, Feedback(7, "none", execution))
    assert (now.state, now.percent) == (state, percent)


@pytest.mark.parametrize("execution", ["rejected", "canceled"])
def test_a_device_may_refuse(made, execution):
    now = say(made, Feedback(7, "none", execution, ("not at night",)))
    assert (now.state, now.reason_word, now.reason) == (TargetState.FAILED, "rejected", "not at night")


def test_a_proved_action_is_not_linked_for_ever(made, monkeypatch):
    targets.report_version(made.device, "default", "2.0.0")
    assert ddi_actions.find_open(made.device).pk == made.target.pk
    move_clock(monkeypatch, 25 * 3600)
    assert ddi_actions.find_open(made.device) is None


def test_what_a_device_is_asked_of_itself():
    assert ddi_actions.wants_config(make_device("new"), None)
    assert not ddi_actions.wants_config(make_device("old", firmware_version="1.0.0"), None)


def test_only_an_offered_action_can_be_found(made):
    waiting = offer("barn", data=b"another image", facts={"version": "3"})
    with pytest.raises(Refused, match="not_found"):
        ddi_actions.find_action(waiting.device, waiting.target.pk)
    (chunk,) = ddi_actions.chunks_of(made.now(), "http://hub")
    assert chunk.artifacts[0].file_name == "generic-2.0.0.swu"
    assert chunk.artifacts[0].url == f"http://hub{made.path}"
