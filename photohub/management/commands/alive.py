"""`manage.py alive <part>`: is a process without a port alive? For the health checks of containers."""

from django.core.management.base import BaseCommand, CommandError

from devices.events import heartbeats as beats
from photohub.gateway.gateway import LOG_BEAT

STALE_AFTER_S = 60
PARTS = {"worker": "worker", "gateway": LOG_BEAT}


class Command(BaseCommand):
    help = "Succeed when the worker or the gateway wrote its heartbeat within the last minute."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))

    def handle(self, *args, part: str, **options) -> None:
        beat = beats.read(PARTS[part], stale_after_s=STALE_AFTER_S)
        if beat is None or not beat.ok:
            raise CommandError(f"The {part} has not been heard for {STALE_AFTER_S} s.")
        self.stdout.write(f"The {part} was heard at {beat.at:%H:%M:%S} UTC.")
