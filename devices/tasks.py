"""Celery tasks of the devices: thin, may run twice."""

from celery import shared_task

from photohub.lib import doorbell

from . import beats, commands, deliveries, delivery_leases, events, outbox, playlists, preparing, troubles
from .ota import sweeping


@shared_task
def prepare_deliveries(delivery_ids: list[str]) -> int:
    """Make the bytes of these deliveries."""
    return preparing.prepare_all(delivery_ids)


@shared_task
def sweep() -> None:
    """End what has waited too long, see to updates, drop old events, and ring for what was not rung for."""
    commands.expire_due()
    deliveries.expire_due()
    delivery_leases.put_back_lost()
    playlists.push_due()
    if ids := preparing.due():
        doorbell.ring(deliveries.PREPARE_TASK, ids)
    events.prune()
    troubles.prune()
    sweeping.sweep()


@shared_task
def tidy_up() -> None:
    """Delete files that no delivery needs any more."""
    outbox.drop_unused()


@shared_task
def beat() -> None:
    """Say that a worker is alive."""
    beats.beat("worker", True, "")
