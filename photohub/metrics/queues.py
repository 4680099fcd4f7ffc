"""What waits in the hub's queues, how long its oldest row has waited, and the disks: asked of the rows, cheaply.

Large queues are exact up to a thousand rows, and beyond that as the sweep counted them (`media_pipeline.maintenance.figures`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from devices.commands.models import Command
from devices.events.models import Trouble
from devices.leases import holding
from devices.leases.models import GATEWAY_TTL_S, GatewayState, LeaseKind
from devices.panels.deliveries.models import Delivery
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import figures
from media_pipeline.mirror.models import OSSObject
from media_pipeline.nodes import here, known
from media_pipeline.picture_files import store
from media_pipeline.time_lapses.models import TimeLapse

# More are not counted: a crowd of devices may be asked for pictures at once.
_COUNTED_UP_TO = 10_000
_MACHINES_AT_MOST = 100


@dataclass(frozen=True)
class Queue:
    """How many rows wait. `oldest_s`: how long the one that has waited longest; None where no index tells."""

    name: str
    rows: int
    oldest_s: float | None


@dataclass(frozen=True)
class Disk:
    machine: str
    free_bytes: int


def read_queues() -> Iterator[Queue]:
    """Ask each queue."""
    for name, count, waiting, column in _QUEUES:
        oldest = None
        if waiting is not None:
            oldest = _age_s(waiting().order_by(column).values_list(column, flat=True).first())
        yield Queue(name, count(), oldest)


def _age_s(since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (timezone.now() - since).total_seconds())


def _few(waiting: Callable[[], QuerySet]) -> Callable[[], int]:
    """Count rows of which there are as many as devices at most, as a rule."""
    return lambda: waiting().order_by().values("pk")[:_COUNTED_UP_TO].count()


def _many(name: str) -> Callable[[], int]:
    return lambda: figures.read(name).count


def _to_prepare() -> QuerySet:
    return Delivery.objects.queued().filter(prepared_at=None)


def _to_send() -> QuerySet:
    return Delivery.objects.queued().filter(prepared_at__isnull=False)


_Queue = tuple[str, Callable[[], int], Callable[[], QuerySet] | None, str]
# The name, how its rows are counted, and where an index has them in the order of their age.
_QUEUES: tuple[_Queue, ...] = (
    ("commands", _few(Command.objects.not_ended), Command.objects.not_ended, "created_at"),
    ("deliveries_to_prepare", _few(_to_prepare), _to_prepare, "created_at"),
    ("deliveries_to_send", _few(_to_send), _to_send, "created_at"),
    ("previews", _many("previews"), Capture.everything.without_thumbnail, "received_at"),
    ("links", _many("links"), Capture.everything.to_publish, "received_at"),
    ("mirror", _many("waiting"), OSSObject.objects.waiting, "created_at"),
    ("mirror_refused", _many("refused"), None, ""),
    ("mirror_failed", _many("failed"), None, ""),
    ("removals", _many("removals"), None, ""),
    ("removals_stuck", _many("stuck removals"), None, ""),
    ("time_lapses", _few(TimeLapse.objects.unfinished), None, ""),
)


def read_disks() -> list[Disk]:
    """Return the free space where pictures lie, of each machine."""
    if not here.is_one_of_several():
        return [Disk("", store.free_bytes())]
    nodes = sorted(known.every(), key=lambda node: node.number)
    return [Disk(node.name, node.free_bytes) for node in nodes[:_MACHINES_AT_MOST]]


def floor_bytes() -> int:
    """Return the free space below which uploads are refused."""
    return settings.DISK_FLOOR_BYTES


def count_stored() -> int:
    """Return how many pictures there are, those in the trash among them."""
    return figures.read("stored").count


def read_trash() -> figures.Figure:
    """Return how many pictures are in the trash, and their bytes."""
    return figures.read("trash")


def count_troubled() -> int:
    """Return how many devices something is wrong with."""
    return Trouble.objects.open().values("device").distinct().count()


def count_gateways() -> int:
    """Return how many gateways live that share the devices; one process has one, which holds no lease."""
    seen = holding.read(kind=LeaseKind.GATEWAY)
    return sum(
        each.holds_by(GATEWAY_TTL_S) and each.row.facts.get("state") == GatewayState.LIVE for each in seen
    )
