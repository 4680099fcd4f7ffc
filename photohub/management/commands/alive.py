"""`manage.py alive <part>`: is a process without a port alive? For the health checks of containers."""

from django.core.management.base import BaseCommand, CommandError

from devices.events import heartbeats
from photohub.gateway.state import LOG_HEARTBEAT

STALE_AFTER_S = 60
PARTS = {"worker": "worker", "gateway": LOG_HEARTBEAT}


class Command(BaseCommand):
    help = "Succeed when the worker or the gateway wrote its heartbeat within the last minute."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))

    def handle(self, *args, part: str, **options) -> None:
        heartbeat = heartbeats.read(PARTS[part], stale_after_s=STALE_AFTER_S)
        if heartbeat is None or not heartbeat.ok:
            raise CommandError(f"The {part} has not been heard for {STALE_AFTER_S} s.")
        self.stdout.write(f"The {part} was heard at {heartbeat.at:%H:%M:%S} UTC.")
