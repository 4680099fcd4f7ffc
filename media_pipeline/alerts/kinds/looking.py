"""The look: has something begun, or is something over, that a rule tells of?"""

import logging
from itertools import groupby
from operator import attrgetter

from media_pipeline.alerts import queue
from media_pipeline.alerts.models import AlertRule
from photohub.lib.database.outage import is_away
from photohub.lib.messaging import enqueue

from .table import BY_WORD

log = logging.getLogger(__name__)

# The look comes once a minute whatever happens; somewhat more, so that nothing falls in between.
_LOOK_AHEAD_S = 70.0


def look() -> None:
    """Look for what all rules tell of, and enqueue the messages that are due. One kind that fails keeps no other back."""
    for word, rules in _rules_by_kind():
        try:
            BY_WORD[word].find(rules)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("Alerts of the kind %s could not be looked for.", word)
    if ids := queue.due():
        enqueue.send_task(queue.SEND_TASK, ids)


def waits() -> bool:
    """Tell whether time alone makes something due before the look that comes in any case."""
    if queue.next_due_within(_LOOK_AHEAD_S):
        return True
    return any(BY_WORD[word].waits(rules, _LOOK_AHEAD_S) for word, rules in _rules_by_kind())


def _rules_by_kind() -> list[tuple[str, list[AlertRule]]]:
    rows = (
        AlertRule.objects.filter(enabled=True, kind__in=BY_WORD).select_related("user").order_by("kind", "pk")
    )
    return [(word, list(rules)) for word, rules in groupby(rows, attrgetter("kind"))]
