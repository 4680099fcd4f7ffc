"""Plots in words: their names, what they came to, and a table for whoever does not see the drawing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from photohub.lib.pages.sizes import size_in_words
from photohub.lib.pages.times import wording as times

from .plot import Plot
from .spans import Span

TITLES: dict[str, str | Promise] = {
    "battery_percent": gettext_lazy("Battery"),
    "battery_mv": gettext_lazy("Battery voltage"),
    "rssi_dbm": gettext_lazy("Signal"),
    "free_heap_bytes": gettext_lazy("Free memory"),
    "pictures": gettext_lazy("Pictures"),
    "stored_bytes": gettext_lazy("Stored"),
    "picture_bytes": gettext_lazy("Size of a picture"),
    "answer_ms": gettext_lazy("Answer time"),
}
SPANS: dict[str, str | Promise] = {
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week"),
    "month": gettext_lazy("Month"),
    "year": gettext_lazy("Year"),
}


@dataclass(frozen=True)
class Row:
    """One line of a plot's table."""

    when: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """A plot in words."""

    plot: Plot
    title: str | Promise
    sums_up: str
    rows: list[Row]

    @property
    def adds_up(self) -> bool:
        return self.plot.form == "bars"


def say_value(unit: str, value: float) -> str:
    """Write a value with its unit."""
    if unit == "B":
        return size_in_words(round(value))
    if unit == "mV":
        return f"{number_format(value / 1000, 2)} V"
    if unit == "ms":
        return _("%(n)s s") % {"n": number_format(value / 1000, 1)}
    written = number_format(round(value), force_grouping=True).replace("-", "\N{MINUS SIGN}")
    return f"{written} {unit}" if unit else written


def tell(plot: Plot, span: Span) -> Told:
    """Say a plot in words."""
    return Told(plot, TITLES[plot.name], _sum_up(plot), list(_rows(plot, span)))


def _sum_up(plot: Plot) -> str:
    means = [value for value in plot.mean if value is not None]
    if plot.form == "bars":
        return say_value(plot.unit, sum(means))
    low = min(value for value in plot.low if value is not None)
    high = max(value for value in plot.high if value is not None)
    values = {
        name: say_value(plot.unit, value) for name, value in zip("abc", (means[-1], low, high), strict=True)
    }
    if low == high:
        return values["a"]
    return _("%(a)s at last, between %(b)s and %(c)s") % values


def _rows(plot: Plot, span: Span) -> Iterator[Row]:
    """Yield a row for each hour, day or month in which there is something."""
    places = [place for place, mean in enumerate(plot.mean) if mean is not None]
    for when, group in groupby(places, lambda place: _when(plot.at_s[place], span)):
        chosen = list(group)
        means = [value for place in chosen if (value := plot.mean[place]) is not None]
        if plot.form == "bars":
            if sum(means):
                yield Row(when, (say_value(plot.unit, sum(means)),))
            continue
        low = min(value for place in chosen if (value := plot.low[place]) is not None)
        high = max(value for place in chosen if (value := plot.high[place]) is not None)
        values = (low, sum(means) / len(means), high)
        yield Row(when, tuple(say_value(plot.unit, value) for value in values))


def _when(at_s: int, span: Span) -> str:
    at = datetime.fromtimestamp(at_s, UTC).astimezone(span.zone)
    if span.name == "day":
        # Of the two days that a day's length touches, the hour tells which.
        return times.time_of_day(at.replace(minute=0, second=0), span.zone)
    return times.month(at.date()) if span.name == "year" else times.day(at.date())
