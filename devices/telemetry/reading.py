"""Reading a device's figures of a span of time, in steps, so that no answer is longer than a picture is wide."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Avg, F, Max, Min

from .models import FIGURES, TelemetryHour, TelemetrySample
from .thinning import KINDS, summed_until

Values = tuple[int, int, int]
"""The lowest, the mean and the highest of a step."""


@dataclass(frozen=True)
class Step:
    """What a device said from this second on, for one step: figure → lowest, mean, highest."""

    at_s: int
    figures: dict[str, Values] = field(default_factory=dict)


def read(device_pk: int, since_s: int, until_s: int, step_s: int) -> list[Step]:
    """Return the steps in which something was said, oldest first. Steps of an hour and more are read from the hours."""
    if step_s < 3600:
        return list(_of_samples(device_pk, since_s, until_s, step_s))
    summed_s = 3600 * summed_until()
    found = list(_of_hours(device_pk, since_s, min(summed_s, until_s), step_s))
    for step in _of_samples(device_pk, max(summed_s, since_s), until_s, step_s):
        if found and found[-1].at_s == step.at_s:
            found[-1] = _together(found[-1], step)
        else:
            found.append(step)
    return found


def _of_samples(device_pk: int, since_s: int, until_s: int, step_s: int) -> Iterator[Step]:
    rows = TelemetrySample.objects.filter(
        device=device_pk, minute__gte=since_s // 60, minute__lt=-(-until_s // 60)
    )
    wanted = [make(figure) for figure in FIGURES for make in KINDS.values()]
    slots = rows.order_by().annotate(slot=F("minute") / (step_s // 60))
    yield from _steps(slots.values_list("slot").annotate(*wanted).order_by("slot"), step_s)


def _of_hours(device_pk: int, since_s: int, until_s: int, step_s: int) -> Iterator[Step]:
    rows = TelemetryHour.objects.filter(
        device=device_pk, hour__gte=since_s // 3600, hour__lt=-(-until_s // 3600)
    )
    kinds = {"low": Min, "mean": Avg, "high": Max}
    wanted = [make(f"{figure}_{kind}") for figure in FIGURES for kind, make in kinds.items()]
    slots = rows.order_by().annotate(slot=F("hour") / (step_s // 3600))
    yield from _steps(slots.values_list("slot").annotate(*wanted).order_by("slot"), step_s)


def _steps(rows, step_s: int) -> Iterator[Step]:
    for slot, *values in rows:
        figures = {}
        for place, figure in enumerate(FIGURES):
            low, mean, high = values[3 * place : 3 * place + 3]
            if mean is not None:
                figures[figure] = (low, round(mean), high)
        yield Step(slot * step_s, figures)


def _together(one: Step, other: Step) -> Step:
    figures = {**one.figures, **other.figures}
    for figure in one.figures.keys() & other.figures.keys():
        (low, mean, high), (low2, mean2, high2) = one.figures[figure], other.figures[figure]
        figures[figure] = (min(low, low2), (mean + mean2) // 2, max(high, high2))
    return Step(one.at_s, figures)
