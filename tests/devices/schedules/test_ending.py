"""How runs end: with their orders, counted in their days, told of, and gone after a while."""

import pytest
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import CommandState
from devices.events import troubles
from devices.events.models import Trouble
from devices.schedules import ending
from devices.schedules import queue as schedules
from devices.schedules.models import Gap, RunDay, RunState, ScheduledRun
from photohub.lib.pages.sentences import said
from tests.devices.schedules.builders import finish, go, make_schedule

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "word", "ended", "gap"),
    [
        (CommandState.UPLOADED, "", RunState.ANSWERED, ""),
        (CommandState.EXPIRED, "offline", RunState.MISSED, Gap.OFFLINE),
        (CommandState.EXPIRED, "no_picture", RunState.MISSED, Gap.SILENT),
        (CommandState.FAILED, "camera_said", RunState.MISSED, Gap.REFUSED),
        (CommandState.EXPIRED, "broker_away", RunState.MISSED, Gap.HUB_AWAY),
        (CommandState.CANCELLED, "cancelled", RunState.SKIPPED, ""),
    ],
)
def test_a_run_ends_as_its_order_does_and_counts_in_its_day(clock, state, word, ended, gap):
    make_schedule()
    go(clock, minutes=2)
    finish(
        state, word, **{"reason_said": {"text": "It said %(no)s.", "values": {"no": "no"}}} if word else {}
    )
    go(clock, seconds=10)
    run = ScheduledRun.objects.get()
    assert (run.state, run.gap, run.reason_text) == (ended, gap, "It said no." if word else "")
    counted = RunDay.objects.values_list("expected", "arrived", *Gap.values).first()
    expected = None if ended == RunState.SKIPPED else (1, int(not gap), *(int(g == gap) for g in Gap.values))
    assert counted == expected


def test_a_picture_that_was_refused_says_so_instead_of_no_answer(clock):
    schedule = make_schedule()
    go(clock, minutes=2)
    troubles.note(schedule.device, "picture_too_large")
    Trouble.objects.update(last_at=timezone.now())
    finish(CommandState.EXPIRED, "no_picture")
    go(clock, seconds=10)
    run = ScheduledRun.objects.get()
    assert (run.gap, run.reason_word) == (Gap.REFUSED, "picture_too_large")
    assert "larger than the hub accepts" in run.reason_text


def test_an_order_that_waits_for_its_camera_is_looked_at_seldomer_and_seldomer(clock):
    make_schedule()
    go(clock, minutes=2)
    looked = []
    for _ in range(9):
        looked.append(ScheduledRun.objects.get().check_at - clock.return_value)
        clock.return_value = ScheduledRun.objects.get().check_at
        schedules.run_due()
    assert [int(pause.total_seconds()) for pause in looked] == [10, 10, 20, 40, 80, 160, 320, 600, 600]
    finish(CommandState.UPLOADED)
    go(clock, minutes=10)
    assert ScheduledRun.objects.get().state == RunState.ANSWERED


def test_listeners_hear_of_missed_pictures_after_the_commit(clock, django_capture_on_commit_callbacks):
    told = []
    ending.on_missed(told.append)
    make_schedule()
    with django_capture_on_commit_callbacks(execute=True):
        go(clock, hours=1)
    ending._listeners.remove(told.append)
    assert [[run.gap for run in some] for some in told] == [[Gap.HUB_AWAY]]


def test_old_runs_and_counts_go_by_themselves(clock):
    make_schedule(times=["12:00", "18:00"])
    go(clock, hours=8)
    clock.return_value += ending.KEEP_RUNS
    ending.prune()
    assert ScheduledRun.objects.count() == 0 and RunDay.objects.count() == 1
    clock.return_value += ending.KEEP_DAYS
    ending.prune()
    assert RunDay.objects.count() == 0


def test_one_that_is_commanded_by_hand_leaves_the_runs_alone(clock):
    schedule = make_schedule()
    go(clock, minutes=2)
    commands.fail(commands.capture(schedule.device), "camera_said", said("No."))
    go(clock, seconds=10)
    assert ScheduledRun.objects.get().state == RunState.ORDERED
