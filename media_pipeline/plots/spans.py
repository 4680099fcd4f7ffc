"""The spans of time that are drawn, and their steps: by the clock of the hub, so that everybody sees the same days."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from django.utils import timezone

from photohub.lib.pages.instants import start_of_day
from photohub.lib.pages.timezones import hub_timezone


@dataclass(frozen=True)
class Kind:
    """One length of time: figures in steps of so many seconds, pictures by the hour or by the day."""

    days: int
    step_s: int
    by_hours: bool


KINDS = {
    "day": Kind(1, 60, True),
    "week": Kind(7, 600, True),
    "month": Kind(31, 3600, False),
    "year": Kind(366, 12 * 3600, False),
}
DEFAULT = "week"


@dataclass(frozen=True)
class Span:
    """What is drawn: from `since_s` to `until_s`, seconds since 1970. `slots_s`: where each hour or day begins."""

    name: str
    kind: Kind
    zone: tzinfo
    slots_s: tuple[int, ...]
    until_s: int

    @property
    def since_s(self) -> int:
        return self.slots_s[0]

    def slot_of(self, at_s: int) -> int | None:
        """Return where the hour or day begins that this second lies in; None outside of the span."""
        if not self.since_s <= at_s < self.until_s:
            return None
        return self.slots_s[bisect_right(self.slots_s, at_s) - 1]


def span_of(name: str, now: datetime | None = None) -> Span:
    """Return the span of this name that ends now; an unknown name is the default."""
    name = name if name in KINDS else DEFAULT
    kind, zone = KINDS[name], hub_timezone()
    now = (now or timezone.now()).astimezone(zone)
    today = now.date()
    if name == "day":
        # The next hour ends the day, and is no slot of its own.
        hour = now.replace(minute=0, second=0, microsecond=0)
        end_s = int(hour.timestamp()) + 3600
        return Span(name, kind, zone, tuple(range(end_s - 24 * 3600, end_s, 3600)), end_s)
    days = [today - timedelta(days=back) for back in range(kind.days - 1, -2, -1)]
    edges = [int(start_of_day(day, zone).timestamp()) for day in days]
    slots = range(edges[0], edges[-1], 3600) if kind.by_hours else edges[:-1]
    return Span(name, kind, zone, tuple(slots), edges[-1])
