"""Work in several steps of which none keeps the others from their turn."""

import logging
from collections.abc import Callable

from photohub.lib.database.outage import is_away

log = logging.getLogger(__name__)


def each_in_turn(*steps: Callable[[], object]) -> None:
    """Call each step. One that fails is told of in the log; a database that is away is raised, and ends all."""
    for step in steps:
        try:
            step()
        except Exception as error:
            if is_away(error):
                raise
            log.exception("%r did not come to its end; the next steps have their turn.", step)
