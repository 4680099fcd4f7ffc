"""One plot: its values by time, with gaps where nothing was said."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from devices.telemetry.reading import Values

_GAP_AT_LEAST_S = 900
_GAP = 3


@dataclass
class Plot:
    """Values by time. `form`: a `line` with what lies between lowest and highest, `bars` that add up, or `dots`."""

    name: str
    form: str
    unit: str
    at_s: list[int] = field(default_factory=list)
    low: list[int | None] = field(default_factory=list)
    mean: list[int | None] = field(default_factory=list)
    high: list[int | None] = field(default_factory=list)

    @property
    def has_values(self) -> bool:
        return any(value is not None for value in self.mean) and (self.form != "bars" or any(self.mean))

    def add(self, at_s: int, values: Values | None) -> None:
        """Add the values of a time; None breaks the line."""
        self.at_s.append(at_s)
        low, mean, high = values or (None, None, None)
        self.low.append(low)
        self.mean.append(mean)
        self.high.append(high)


def line(name: str, unit: str, values: Iterable[tuple[int, Values]], step_s: int) -> Plot:
    """Return a line that is broken where a device was silent for much longer than it usually is."""
    found, plot = list(values), Plot(name, "line", unit)
    between = [after[0] - before[0] for before, after in pairwise(found)]
    longest_s = max(_GAP * median(between), _GAP * step_s, _GAP_AT_LEAST_S) if between else 0
    last_s = None
    for at_s, value in found:
        if last_s is not None and at_s - last_s > longest_s:
            plot.add(last_s + step_s, None)
        plot.add(at_s, value)
        last_s = at_s
    return plot


def bars(name: str, unit: str, sums: dict[int, int], slots_s: Iterable[int]) -> Plot:
    """Return a bar for each slot, an empty one where nothing was."""
    plot = Plot(name, "bars", unit)
    for at_s in slots_s:
        count = sums.get(at_s, 0)
        plot.add(at_s, (count, count, count))
    return plot


def dots(name: str, unit: str, values: Iterable[tuple[int, int]]) -> Plot:
    """Return values that stand for themselves."""
    plot = Plot(name, "dots", unit)
    for at_s, value in values:
        plot.add(at_s, (value, value, value))
    return plot
