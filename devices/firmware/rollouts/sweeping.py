"""What has to happen to updates by the clock alone: called every few seconds."""

import logging

from photohub.lib.clock import Pace

from . import link_check, targets
from . import queue as rollouts
from .models import Rollout, RolloutState

log = logging.getLogger(__name__)

_pace = Pace()


def sweep() -> None:
    """End silent updates, stop or go on with rollouts, and see whether links may be handed out."""
    if not _pace.is_steady():
        log.warning("The clock jumped: devices with an update have their whole time again.")
        targets.begin_deadlines_anew()
    targets.end_due()
    targets.release_stuck()
    going = Rollout.objects.filter(state__in=(RolloutState.RUNNING, RolloutState.PAUSED))
    for key in going.values_list("pk", flat=True):
        try:
            rollouts.advance(key)
        except Rollout.DoesNotExist:
            log.info("The rollout %s was deleted in this moment.", key)
    link_check.refresh_if_due()
