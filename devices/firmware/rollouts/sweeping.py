"""What has to happen to updates by the clock alone: called every few seconds."""

import logging
from datetime import timedelta

from django.utils import timezone

from photohub.lib.clock import Pace
from photohub.lib.pages.sentences import said

from . import link_check
from . import queue as rollouts
from .models import Rollout, RolloutState, RolloutTarget, TargetState
from .targets import DONE_WORDS, end, with_parts

log = logging.getLogger(__name__)

_pace = Pace()


def sweep() -> None:
    """End silent updates, stop or go on with rollouts, and see whether links may be handed out."""
    if not _pace.is_steady():
        log.warning("The clock jumped: devices with an update have their whole time again.")
        begin_deadlines_anew()
    end_due()
    release_stuck()
    going = Rollout.objects.filter(state__in=(RolloutState.RUNNING, RolloutState.PAUSED))
    for key in going.values_list("pk", flat=True):
        try:
            rollouts.advance(key)
        except Rollout.DoesNotExist:
            log.info("The rollout %s was deleted in this moment.", key)
    link_check.refresh_if_due()


def begin_deadlines_anew() -> None:
    """Give every device that is busy its whole time again: the clock jumped, so what stands there says nothing."""
    now = timezone.now()
    sentence = said("The clock jumped: devices updating in this rollout get their full time again.")
    going = Rollout.objects.filter(targets__state__in=RolloutTarget.ACTIVE).distinct()
    for key, deadline_s in going.values_list("pk", "deadline_s"):
        with rollouts.locked(key) as row:
            rows = RolloutTarget.objects.filter(rollout=key, state__in=RolloutTarget.ACTIVE)
            if rows.exclude(deadline_at=None).update(deadline_at=now + timedelta(seconds=deadline_s)):
                rollouts.tell(row, sentence)


def end_due() -> int:
    """End the updates whose device fell silent, or still reports its old version. Returns how many."""
    due = with_parts().active().filter(deadline_at__lte=timezone.now()).order_by("deadline_at")
    ended = 0
    for target in due[:1000]:
        with rollouts.locked(target.rollout_id) as rollout:
            target.refresh_from_db(fields=["state", "deadline_at", "reason_word"])
            if target.deadline_at and target.deadline_at > timezone.now():
                continue
            lied = target.reason_word == "old_version"
            state = TargetState.FAILED if lied else TargetState.TIMED_OUT
            word = target.reason_word if target.reason_word in DONE_WORDS else "silent"
            ended += end(target, rollout, state, word)
    return ended


def release_stuck() -> int:
    """End what is still open in a rollout that has ended: its device would be kept from every other update."""
    ended = 0
    rows = with_parts().active().exclude(rollout__state__in=Rollout.OPEN).order_by("deadline_at")
    for target in rows[:1000]:
        with rollouts.locked(target.rollout_id) as rollout:
            ended += end(target, rollout, TargetState.CANCELLED, "cancelled")
    return ended
