"""Celery tasks of the devices: thin, may run twice."""

from celery import shared_task

from . import beats, commands, events
from .ota import sweeping


@shared_task
def sweep() -> None:
    """End commands whose time is over, see to updates, and drop old events."""
    commands.expire_due()
    events.prune()
    sweeping.sweep()


@shared_task
def beat() -> None:
    """Say that a worker is alive."""
    beats.beat("worker", True, "")
