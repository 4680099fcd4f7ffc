"""Celery tasks of the devices: thin, may run twice."""

from celery import shared_task

from . import beats, commands, events


@shared_task
def sweep() -> None:
    """End commands whose time is over, and drop old events."""
    commands.expire_due()
    events.prune()


@shared_task
def beat() -> None:
    """Say that a worker is alive."""
    beats.beat("worker", True, "")
