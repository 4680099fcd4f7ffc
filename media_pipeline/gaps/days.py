"""The days of a month × cameras: what was expected, what arrived, and in words what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from devices.access.models import visible_devices
from devices.registry.models import Device
from devices.schedules.models import Gap, RunDay
from photohub.lib.pages.sentences import Said
from photohub.lib.pages.times import wording as times
from photohub.lib.pages.timezones import hub_timezone

CAMERAS_ON_A_PAGE = 50
_WORDS = {
    Gap.OFFLINE: gettext_noop("offline: %(n)s"),
    Gap.SILENT: gettext_noop("no answer: %(n)s"),
    Gap.REFUSED: gettext_noop("refused: %(n)s"),
    Gap.HUB_AWAY: gettext_noop("hub away: %(n)s"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of one camera; no `row`: nothing was expected."""

    day: date
    row: RunDay | None

    @property
    def missing(self) -> int:
        return self.row.expected - self.row.arrived if self.row else 0

    @property
    def level(self) -> str:
        """Return how much of the day is there: all, some or none; nothing where nothing was expected."""
        if self.row is None:
            return ""
        if not self.missing:
            return "all"
        return "some" if self.row.arrived else "none"

    @property
    def sign(self) -> str:
        return f"−{self.missing}" if self.missing else "✓"

    @property
    def words(self) -> str:
        """Say the day, what came of it, and why some is missing."""
        if self.row is None:
            return _("%(day)s: nothing was scheduled") % {"day": times.day(self.day)}
        values = {"day": times.day(self.day), "arrived": self.row.arrived, "expected": self.row.expected}
        told = _("%(day)s: %(arrived)s of %(expected)s pictures") % values
        return (
            _("%(told)s, %(reasons)s") % {"told": told, "reasons": reasons_of(self.row)}
            if self.missing
            else told
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One camera with its days, and what they add up to."""

    device: Device
    cells: list[Cell]

    @property
    def expected(self) -> int:
        return sum(cell.row.expected for cell in self.cells if cell.row)

    @property
    def arrived(self) -> int:
        return sum(cell.row.arrived for cell in self.cells if cell.row)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the hub's calendar."""

    first: date
    today: date

    @property
    def following(self) -> date:
        return (self.first + timedelta(days=31)).replace(day=1)

    @property
    def before(self) -> date:
        return (self.first - timedelta(days=1)).replace(day=1)

    @property
    def is_last(self) -> bool:
        return self.following > self.today

    def days(self) -> Iterator[date]:
        day = self.first
        while day < self.following:
            yield day
            day += timedelta(days=1)


def month_of(text: str) -> Month:
    """Return the month that somebody named as "2026-12", else the present one. None lies ahead."""
    today = timezone.now().astimezone(hub_timezone()).date()
    try:
        first = datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        first = today
    # At the beginning of the calendar there is none before.
    return Month(min(max(first, date(1970, 2, 1)), today).replace(day=1), today)


def rows_of(user, since: date, before: date) -> QuerySet[RunDay]:
    """Return the counts of the cameras that the person may look at."""
    return visible_devices(RunDay.objects.filter(day__gte=since, day__lt=before), user, "device__")


def cameras_of(user, month: Month, group: int | None = None) -> QuerySet[Device]:
    """Return the cameras of which pictures were expected in a month, by name."""
    counted = RunDay.objects.filter(day__gte=month.first, day__lt=month.following).values("device")
    devices = Device.objects.visible_to(user).filter(pk__in=counted)
    return (devices.in_groups([group]) if group else devices).order_by("name", "code")


def lines_of(devices: list[Device], month: Month) -> list[Line]:
    """Return the days of these cameras."""
    rows = RunDay.objects.filter(device__in=devices, day__gte=month.first, day__lt=month.following)
    found = {(row.device_id, row.day): row for row in rows}
    return [
        Line(device, [Cell(day, found.get((device.pk, day))) for day in month.days()]) for device in devices
    ]


def gaps_of(lines: list[Line]) -> list[tuple[Device, Cell]]:
    """Return the days on which pictures are missing, the newest first."""
    found = [(line.device, cell) for line in lines for cell in line.cells if cell.missing]
    return sorted(found, key=lambda each: each[1].day, reverse=True)


def reasons_of(row: RunDay) -> str:
    """Say why pictures of a day are missing: "offline: 3, no answer: 1"."""
    counts = [(word, getattr(row, gap)) for gap, word in _WORDS.items()]
    return _(", ").join(str(Said(word, {"n": count})) for word, count in counts if count)
