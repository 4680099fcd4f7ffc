"""What is drawn of a device: each plot from figures that are kept already, and none by walking a table."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db.models import QuerySet

from devices.commands.models import Command, CommandState
from devices.protocol.battery import percent_of_battery
from devices.registry.models import Device
from devices.telemetry import reading
from devices.telemetry.reading import Step, Values
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance.counting import QUARTERS, counted_hours
from media_pipeline.maintenance.models import HourCount

from .plot import Plot, bars, dots, line
from .spans import Span

# Pictures that no sweep has counted yet: those of the last two hours, as a rule.
LOOKED_AT = 10_000
ORDERS_AT_MOST = 1_000


def plots_of(device: Device, span: Span) -> list[Plot]:
    """Return all plots of a device in one order, empty ones too."""
    return [*_figures(device, span), *_pictures(device, span), _answers(device, span)]


def _figures(device: Device, span: Span) -> Iterator[Plot]:
    step_s = span.kind.step_s
    steps = reading.read(device.pk, span.since_s, span.until_s, step_s)
    volts = list(_values(steps, "battery_mv"))
    yield line("battery_percent", "%", _percent(volts), step_s)
    yield line("battery_mv", "mV", volts, step_s)
    yield line("rssi_dbm", "dBm", _values(steps, "rssi_dbm"), step_s)
    yield line("free_heap_bytes", "B", _values(steps, "free_heap_bytes"), step_s)


def _values(steps: list[Step], figure: str) -> Iterator[tuple[int, Values]]:
    return ((step.at_s, step.figures[figure]) for step in steps if figure in step.figures)


def _percent(volts: list[tuple[int, Values]]) -> Iterator[tuple[int, Values]]:
    """Say how full a battery was, where its voltage is a battery's."""
    for at_s, values in volts:
        low, mean, high = (percent_of_battery(value) for value in values)
        if low is not None and mean is not None and high is not None:
            yield at_s, (low, mean, high)


def _pictures(device: Device, span: Span) -> list[Plot]:
    """Draw how many pictures came, and what they take."""
    counts: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    counted = counted_hours()
    first, last = span.since_s // 3600, -(-span.until_s // 3600)
    rows = HourCount.objects.filter(
        camera=device.pk, hour__gte=max(first, counted.start), hour__lt=min(last, counted.stop)
    )
    for hour, size_bytes, *quarters in rows.values_list("hour", "size_bytes", *QUARTERS):
        for place, count in enumerate(quarters):
            if count and (slot_s := span.slot_of(3600 * hour + 900 * place)) is not None:
                counts[slot_s] += count
                sizes[slot_s] += (size_bytes or 0) * count // sum(quarters)
    for at, size_bytes in _not_counted(device, span, counted):
        if (slot_s := span.slot_of(int(at.timestamp()))) is not None:
            counts[slot_s] += 1
            sizes[slot_s] += size_bytes
    means = [(s, (mean, mean, mean)) for s in span.slots_s if counts[s] and (mean := sizes[s] // counts[s])]
    step_s = span.slots_s[1] - span.slots_s[0]
    return [
        bars("pictures", "", counts, span.slots_s),
        bars("stored_bytes", "B", sizes, span.slots_s),
        line("picture_bytes", "B", means, step_s),
    ]


def _not_counted(device: Device, span: Span, counted: range) -> QuerySet:
    """Return when the pictures came that no sweep has counted yet, and their sizes."""
    since_s = max(span.since_s, 3600 * counted.stop) if counted else span.since_s
    newer = Capture.objects.filter(device=device, received_at__gte=datetime.fromtimestamp(since_s, UTC))
    return newer.order_by("-received_at", "-id").values_list("received_at", "size_bytes")[:LOOKED_AT]


def _answers(device: Device, span: Span) -> Plot:
    """Draw how long each picture was waited for, from the order to the hub."""
    rows = Command.objects.filter(device=device, created_at__gte=datetime.fromtimestamp(span.since_s, UTC))
    newest = rows.order_by("-created_at").values_list("created_at", "finished_at", "state")[:ORDERS_AT_MOST]
    found = [
        (int(asked.timestamp()), round(1000 * (came - asked).total_seconds()))
        for asked, came, state in newest
        if state == CommandState.UPLOADED and came is not None and came >= asked
    ]
    return dots("answer_ms", "ms", reversed(found))
