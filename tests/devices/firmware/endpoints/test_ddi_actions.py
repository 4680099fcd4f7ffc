import pytest

from devices.firmware.endpoints import ddi_actions
from devices.firmware.endpoints.call import Refused
from devices.firmware.rollouts import sweeping, targets
from devices.firmware.rollouts.models import TargetState
from devices.protocol.firmware.ddi import ConfigData, Feedback
from tests.devices.firmware.builders import make_firmware, make_rollout, move_clock
from tests.devices.firmware.endpoints.offered import offer

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


def test_success_with_the_old_version_is_a_lie(made, monkeypatch):
    targets.note_flashing(made.now())
    assert say(made, SUCCESS).reason_word == "said_done"
    tell(made, version="1.0.0")
    move_clock(monkeypatch, targets.GRACE_S + 1)
    sweeping.end_due()
    now = made.now()
    assert (now.state, now.reason_word) == (TargetState.FAILED, "old_version")


def tell(made, **data: str) -> bool:
    """Say what the device is; returns whether it is asked again."""
    ddi_actions.take_config(made.now().device, ConfigData("merge", {"board": "x1", **data}))
    return made.now().device.config_wanted


def test_the_old_version_before_the_restart_is_no_lie(made):
    targets.note_flashing(made.now())
    assert not tell(made, version="1.0.0")
    assert made.now().reason_word == "" and say(made, SUCCESS).device.config_wanted


def test_who_closes_before_the_restart_is_asked_until_the_new_version_runs(made):
    targets.note_flashing(made.now())
    say(made, SUCCESS)
    assert tell(made, version="1.0.0") and made.now().reason_word == "old_version"
    assert not tell(made, version="2.0.0")
    assert made.now().state == TargetState.PROVED and ddi_actions.find_open(made.device) is None


def test_a_success_that_is_said_twice_is_asked_about_once(made):
    targets.note_flashing(made.now())
    deadlines = {say(made, SUCCESS).deadline_at for _ in range(2)}
    assert len(deadlines) == 1 and ddi_actions.find_open(made.device) is None
    assert say(made, Feedback(7, "none", "proceeding")).state == TargetState.FLASHING
    assert say(made, Feedback(7, "failure", "closed")).state == TargetState.FAILED


def test_a_device_that_has_no_version_to_tell_is_believed(made):
    targets.note_flashing(made.now())
    say(made, SUCCESS)
    assert not tell(made) and made.now().state == TargetState.PROVED


def test_a_device_that_does_not_answer_has_not_proved_it(made, monkeypatch):
    targets.note_flashing(made.now())
    say(made, SUCCESS)
    move_clock(monkeypatch, made.now().rollout.deadline_s + 1)
    sweeping.end_due()
    now = made.now()
    assert (now.state, now.reason_word) == (TargetState.TIMED_OUT, "said_done")


def test_the_next_update_waits_until_the_version_of_this_one_is_known(made):
    targets.note_flashing(made.now())
    say(made, SUCCESS)
    make_rollout([made.device], make_firmware(b"the next image", version="3.0.0", counter=3))
    assert ddi_actions.find_open(made.device) is None
    tell(made, version="2.0.0")
    assert ddi_actions.find_open(made.device).rollout.firmware.version == "3.0.0"


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


def test_only_an_offered_action_can_be_found(made):
    waiting = offer("barn", data=b"another image", facts={"version": "3"})
    with pytest.raises(Refused, match="not_found"):
        ddi_actions.find_action(waiting.device, waiting.target.pk)
    (chunk,) = ddi_actions.chunks_of(made.now(), "http://hub")
    assert chunk.artifacts[0].file_name == "generic-2.0.0.swu"
    assert chunk.artifacts[0].url == f"http://hub{made.path}"
