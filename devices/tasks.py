"""Celery tasks of the devices: thin, may run twice."""

from celery import shared_task

from photohub.lib import doorbell, sessions
from photohub.lib.turns import each_in_turn

from . import (
    beats,
    clock_watch,
    commands,
    deliveries,
    delivery_leases,
    events,
    outbox,
    playlists,
    preparing,
    troubles,
)
from .ota import sweeping


@shared_task
def prepare_deliveries(delivery_ids: list[str]) -> int:
    """Make the bytes of these deliveries."""
    return preparing.prepare_all(delivery_ids)


@shared_task
def sweep() -> None:
    """End what has waited too long, see to updates, drop old events, and ring for what was not rung for."""
    each_in_turn(
        commands.expire_due,
        deliveries.bound_waiting,
        deliveries.expire_due,
        delivery_leases.put_back_lost,
        playlists.push_due,
        _ring,
        _prune,
        sweeping.sweep,
    )


def _ring() -> None:
    if ids := preparing.due():
        doorbell.ring(deliveries.PREPARE_TASK, ids)


def _prune() -> None:
    if clock_watch.doubt() is None:
        events.prune()
        troubles.prune()


@shared_task
def tidy_up() -> None:
    """Delete files that no delivery needs any more, and sessions that ended."""
    if clock_watch.look() is None:
        each_in_turn(outbox.drop_unused, sessions.drop_ended)


@shared_task
def beat() -> None:
    """Say that a worker is alive."""
    beats.beat("worker", True, "")
