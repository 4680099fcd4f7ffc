"""What has to happen to updates by the clock alone: called every few seconds."""

import logging

from ..models import Rollout, RolloutState
from . import link_check, rollouts, targets

log = logging.getLogger(__name__)


def sweep() -> None:
    """End silent updates, stop or go on with rollouts, and see whether links may be handed out."""
    targets.end_due()
    targets.release_stuck()
    going = Rollout.objects.filter(state__in=(RolloutState.RUNNING, RolloutState.PAUSED))
    for key in going.values_list("pk", flat=True):
        try:
            rollouts.advance(key)
        except Rollout.DoesNotExist:
            log.info("The rollout %s was deleted in this moment.", key)
    link_check.refresh_if_due()
