"""Celery tasks of the devices: thin, may run twice."""

from celery import shared_task

from devices.firmware.rollouts import sweeping
from devices.panels.deliveries import leases, preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.playlists import turns as playlists
from devices.panels.sources import outbox
from photohub.lib.messaging import enqueue
from photohub.lib.messaging.steps import each_in_turn
from photohub.lib.pages import sessions

from .commands import queue as commands
from .events import clock_watch, heartbeats, troubles
from .events import record as events
from .panels import in_use


@shared_task
def prepare_deliveries(delivery_ids: list[str]) -> int:
    """Make the bytes of these deliveries."""
    return preparing.prepare_all(delivery_ids)


@shared_task
def sweep() -> None:
    """End what has waited too long, see to updates, drop old events, and enqueue what was missed."""
    each_in_turn(
        commands.expire_due,
        deliveries.bound_waiting,
        deliveries.expire_due,
        leases.put_back_lost,
        playlists.push_due,
        _enqueue,
        _prune,
        sweeping.sweep,
    )


def _enqueue() -> None:
    if ids := preparing.due():
        enqueue.send_task(deliveries.PREPARE_TASK, ids)


def _prune() -> None:
    if clock_watch.doubt() is None:
        events.prune()
        troubles.prune()


@shared_task
def tidy_up() -> None:
    """Delete files that no delivery needs any more, and sessions that ended."""
    if clock_watch.look() is None:
        each_in_turn(_drop_unused, sessions.drop_ended)


def _drop_unused() -> None:
    outbox.drop_unused(in_use.hashes_in_use)


@shared_task
def beat() -> None:
    """Say that a worker is alive."""
    heartbeats.note("worker", True, "")
