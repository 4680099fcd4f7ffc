"""What plots are made of as CSV, for spreadsheets: in the finest steps that are kept."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from devices.protocol.battery import percent_of_battery
from devices.registry.models import Device
from devices.telemetry import reading
from devices.telemetry.models import FIGURES

from .drawn import plots_of
from .spans import Span

# Figures have the steps that are kept; of pictures and answers what is drawn is what there is.
OF = ("figures", "pictures", "answers")
_COLUMNS = {"pictures": ("pictures", "stored_bytes"), "answers": ("answer_ms",)}


def table_of(device: Device, span: Span, of: str) -> str:
    """Write one table; times are those of the hub's zone with their distance to UTC."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(_figures(device, span) if of == "figures" else _plot(device, span, of))
    return text.getvalue()


def _figures(device: Device, span: Span) -> Iterator[Iterable]:
    names = [f"{figure}{kind}" for figure in FIGURES for kind in ("_low", "", "_high")]
    yield ["time", *names, "battery_percent"]
    # By the minute as long as minutes are kept.
    step_s = 60 if span.kind.days <= 7 else 3600
    for step in reading.read(device.pk, span.since_s, span.until_s, step_s):
        values = [value for figure in FIGURES for value in step.figures.get(figure, ("", "", ""))]
        volts = step.figures.get("battery_mv")
        percent = percent_of_battery(volts[1]) if volts else None
        yield [_time(step.at_s, span), *values, "" if percent is None else percent]


def _plot(device: Device, span: Span, of: str) -> Iterator[Iterable]:
    yield ["time", *_COLUMNS[of]]
    found = {plot.name: plot for plot in plots_of(device, span)}
    plots = [found[name] for name in _COLUMNS[of]]
    for at_s, *values in zip(plots[0].at_s, *(plot.mean for plot in plots), strict=True):
        yield [_time(at_s, span), *values]


def _time(at_s: int, span: Span) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone(span.zone).isoformat(timespec="seconds")
