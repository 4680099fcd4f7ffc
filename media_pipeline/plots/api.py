"""Plots for programs: the same values as the pages draw."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from devices.registry.finding import device_of

from .drawn import plots_of
from .spans import DEFAULT, span_of

router = Router()

Range = Annotated[
    Literal["day", "week", "month", "year"], Query(alias="range", description="How far back, to now")
]


class PlotOut(Schema):
    """One plot. `low`, `mean` and `high` have a value for each time in `at`; null: nothing was said, the line ends."""

    name: Literal[
        "battery_percent",
        "battery_mv",
        "rssi_dbm",
        "free_heap_bytes",
        "pictures",
        "stored_bytes",
        "picture_bytes",
        "answer_ms",
    ]
    form: Literal["line", "bars", "dots"]
    unit: str
    at: list[int] = Field(description="Seconds since 1970, UTC; where a step begins")
    low: list[int | None]
    mean: list[int | None]
    high: list[int | None]


class PlotsOut(Schema):
    """How a device fares. A plot has at most 3000 points; one that has nothing is empty."""

    range: str
    since: datetime
    until: datetime
    zone: str = Field(description="The hub's time zone, in which hours and days begin")
    plots: list[PlotOut]


@router.get("/devices/{code}/plots", response=PlotsOut, summary="How a device fares, over time")
def read_plots(request: HttpRequest, code: str, span: Range = DEFAULT):
    """Battery, signal and free memory as the device told them, thinned; its pictures; how quickly it answers orders."""
    device, chosen = device_of(request, code), span_of(span)
    return {
        "range": chosen.name,
        "since": datetime.fromtimestamp(chosen.since_s, UTC),
        "until": datetime.fromtimestamp(chosen.until_s, UTC),
        "zone": str(chosen.zone),
        "plots": [vars(plot) | {"at": plot.at_s} for plot in plots_of(device, chosen)],
    }
