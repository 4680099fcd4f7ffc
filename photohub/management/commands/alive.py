"""`manage.py alive <part>`: is a process without a port alive? For the health checks of containers."""

import socket

from django.core.management.base import BaseCommand, CommandError

from devices.events import heartbeats
from devices.leases import holding
from devices.leases.models import GATEWAY_TTL_S, LeaseKind
from media_pipeline.nodes import here
from photohub.gateway.state import LOG_HEARTBEAT

STALE_AFTER_S = 60
PARTS = {"worker": "worker", "gateway": LOG_HEARTBEAT}


class Command(BaseCommand):
    help = "Succeed when this machine's worker or this host's gateway gave a sign of life within the last minute."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("part", choices=sorted(PARTS))

    def handle(self, *args, part: str, **options) -> None:
        heartbeat = heartbeats.read(_name_of(part), stale_after_s=STALE_AFTER_S)
        if heartbeat is None or not heartbeat.ok or (part == "gateway" and _others_alone()):
            raise CommandError(f"The {part} has not been heard for {STALE_AFTER_S} s.")
        self.stdout.write(f"The {part} was heard at {heartbeat.at:%H:%M:%S} UTC.")


def _name_of(part: str) -> str:
    """Return the part's heartbeat: where there are several machines, that of this one's worker."""
    if part == "worker" and here.is_one_of_several():
        try:
            return here.worker_heartbeat(here.number())
        except here.NodeRefused as error:
            raise CommandError(str(error)) from error
    return PARTS[part]


def _others_alone() -> bool:
    """Tell whether the gateways that live are other hosts': they share a heartbeat, and each has a lease of its own."""
    live = [each for each in holding.read(kind=LeaseKind.GATEWAY) if each.holds_by(GATEWAY_TTL_S)]
    return bool(live) and not any(each.row.place.startswith(f"{socket.gethostname()}:") for each in live)
