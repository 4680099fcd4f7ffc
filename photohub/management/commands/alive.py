"""`manage.py alive <part>`: is a process without a port alive? For the health checks of containers."""

import socket

from django.core.management.base import BaseCommand, CommandError

from devices.events import heartbeats
from devices.leases import holding
from devices.leases.models import GATEWAY_TTL_S, LeaseKind
from photohub.gateway.state import LOG_HEARTBEAT

STALE_AFTER_S = 60
PARTS = {"worker": "worker", "gateway": LOG_HEARTBEAT}


class Command(BaseCommand):
    help = "Succeed when the worker or this host's gateway gave a sign of life within the last minute."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))

    def handle(self, *args, part: str, **options) -> None:
        heartbeat = heartbeats.read(PARTS[part], stale_after_s=STALE_AFTER_S)
        if heartbeat is None or not heartbeat.ok or (part == "gateway" and _others_alone()):
            raise CommandError(f"The {part} has not been heard for {STALE_AFTER_S} s.")
        self.stdout.write(f"The {part} was heard at {heartbeat.at:%H:%M:%S} UTC.")


def _others_alone() -> bool:
    """Tell whether the gateways that live are other hosts': they share a heartbeat, and each has a lease of its own."""
    live = [each for each in holding.read(kind=LeaseKind.GATEWAY) if each.holds_by(GATEWAY_TTL_S)]
    return bool(live) and not any(each.row.place.startswith(f"{socket.gethostname()}:") for each in live)
