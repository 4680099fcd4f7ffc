"""Finding pictures among many: filters, pages, days and months, each at a bounded cost.

Pages are cut by keyset: a cursor names the last picture shown, and the next page begins after it. So page
1,000 costs what page 1 costs, and a picture that arrives meanwhile moves nothing.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, TextField
from django.db.models.functions import Cast
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from devices.registry.models import Device
from media_pipeline.models import Capture, CaptureQuerySet, MirrorState, OSSObject

PAGE_SIZE = 60
COUNT_AT_MOST = 9_999
MONTHS_AT_MOST = 60
STATES = {
    "mirrored": (MirrorState.MIRRORED,),
    "waiting": (MirrorState.PENDING, MirrorState.UPLOADING),
    "problem": (MirrorState.BLOCKED, MirrorState.FAILED),
}
_ASKED = {"": None, "yes": True, "no": False}


class BadFilter(ValueError):
    """A filter that cannot be understood; the text says which and how to write it."""


@dataclass(frozen=True)
class Filters:
    """What pictures are wanted: from the instant `since` on, up to but without `before`."""

    devices: tuple[str, ...] = ()
    group: str = ""
    since: datetime | None = None
    before: datetime | None = None
    state: str = ""
    flag: str = ""
    tag: str = ""
    q: str = ""
    asked: bool | None = None
    kept: bool = False

    @classmethod
    def from_query(cls, query: Mapping, zone: tzinfo = UTC) -> "Filters":
        """Read device (repeatable), group, from, to, state, flag, tag, q, asked, kept. Raises BadFilter."""
        devices = query.getlist("device") if hasattr(query, "getlist") else [query.get("device", "")]
        return cls(
            devices=tuple(dict.fromkeys(code for code in devices if code)),
            group=_text(query, "group"),
            since=read_instant(query, "from", zone),
            before=read_instant(query, "to", zone, whole_day=True),
            state=_choice(query, "state", {"": "", **{word: word for word in STATES}}),
            flag=_text(query, "flag"),
            tag=_text(query, "tag"),
            q=_text(query, "q"),
            asked=_choice(query, "asked", _ASKED),
            kept=_choice(query, "kept", {"": False, "no": False, "yes": True}),
        )

    def __bool__(self) -> bool:
        """Tell whether anything is filtered at all."""
        return self != Filters()


def _text(query: Mapping, name: str) -> str:
    # A NUL cannot be stored, so nothing can match it, and PostgreSQL refuses it.
    return query.get(name, "").replace("\0", "").strip()[:200]


def _choice(query: Mapping, name: str, choices: dict):
    word = _text(query, name)
    if word not in choices:
        known = ", ".join(c for c in choices if c)
        raise BadFilter(_("“%(name)s” must be one of: %(known)s.") % {"name": name, "known": known})
    return choices[word]


def read_instant(query: Mapping, name: str, zone: tzinfo, whole_day: bool = False) -> datetime | None:
    """Read a day, whose last instant counts when `whole_day`, or an exact time."""
    text = _text(query, name)
    if not text:
        return None
    try:
        if day := parse_date(text):
            return start_of_day(day + timedelta(days=1) if whole_day else day, zone)
        # In a query string an unescaped plus sign arrives as a space.
        if at := parse_datetime(text.replace(" ", "+") if "T" in text else text):
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadFilter(
        _("“%(name)s” must be a date like 2025-06-30, not “%(text)s”.") % {"name": name, "text": text[:40]}
    )


def start_of_day(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def captures_matching(user, filters: Filters) -> CaptureQuerySet:
    """Return the pictures that the person may see and that match, newest first."""
    rows = Capture.objects.visible_to(user).order_by("-received_at", "-id")
    rows = _of_devices(rows, filters)
    if filters.since:
        rows = rows.filter(received_at__gte=filters.since)
    if filters.before:
        rows = rows.filter(received_at__lt=filters.before)
    if filters.asked is not None:
        rows = rows.filter(command__isnull=not filters.asked)
    if filters.kept:
        rows = rows.filter(kept=True)
    return _of_labels(_of_state(rows, filters.state), filters)


def _of_devices(rows: CaptureQuerySet, filters: Filters) -> CaptureQuerySet:
    # Ids are looked up first: with a join the database would walk the whole history to find one quiet camera.
    if filters.devices:
        rows = rows.filter(
            device__in=list(Device.objects.filter(code__in=filters.devices).values_list("pk", flat=True))
        )
    if filters.group:
        named = Q(group__name=filters.group)
        if filters.group.isascii() and filters.group.isdigit():
            named |= Q(group=int(filters.group[:15]))
        rows = rows.filter(device__in=list(Device.objects.filter(named).values_list("pk", flat=True)))
    return rows


def _of_state(rows: CaptureQuerySet, state: str) -> CaptureQuerySet:
    if not state:
        return rows
    if state == "mirrored":
        # Nearly all are mirrored: walk the history and look each one up, rather than sort them all.
        return rows.filter(Exists(OSSObject.objects.filter(pk=OuterRef("pk"), state__in=STATES[state])))
    # Few pictures are in trouble, so they are found from their own rows and not by walking the history.
    return rows.filter(pk__in=OSSObject.objects.filter(state__in=STATES[state]).values("pk"))


def _of_labels(rows: CaptureQuerySet, filters: Filters) -> CaptureQuerySet:
    if filters.flag:
        # SQLite cannot look into a JSON list; its text form is the same in both databases.
        word = filters.flag.replace('"', "")
        rows = rows.alias(flags_text=Cast("flags", TextField())).filter(flags_text__contains=f'"{word}"')
    if filters.tag:
        rows = rows.filter(tags__name=filters.tag)
    if filters.q:
        rows = rows.filter(Q(name__icontains=filters.q) | Q(note__icontains=filters.q))
    return rows


def with_parts(rows: CaptureQuerySet) -> CaptureQuerySet:
    """Fetch along what every view of a picture shows."""
    return rows.select_related("device", "device__group", "command", "mirror")


def page_of(
    rows: CaptureQuerySet, cursor: str = "", limit: int = PAGE_SIZE
) -> tuple[list[Capture], str | None]:
    """Return up to `limit` pictures after the cursor, and the next cursor or None. Raises BadFilter."""
    if cursor:
        received_at, id_ = decode_cursor(cursor)
        # The first condition alone bounds the index; the second settles pictures of the same microsecond.
        rows = rows.filter(Q(received_at__lt=received_at) | Q(id__lt=id_), received_at__lte=received_at)
    items = list(rows[: limit + 1])
    if len(items) <= limit:
        return items, None
    return items[:limit], encode_cursor(items[limit - 1])


def encode_cursor(capture: Capture) -> str:
    text = f"{capture.received_at.astimezone(UTC).isoformat()}|{capture.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Return the place that a cursor names. Raises BadFilter."""
    try:
        text = base64.urlsafe_b64decode(cursor[:200] + "=" * (-len(cursor[:200]) % 4)).decode()
        received_at, _bar, id_ = text.partition("|")
        at = datetime.fromisoformat(received_at)
        return at if at.tzinfo else at.replace(tzinfo=UTC), UUID(id_)
    except (binascii.Error, ValueError, UnicodeError) as error:
        raise BadFilter(_("This cursor is not one of PhotoHub's; begin again without it.")) from error


@dataclass(frozen=True)
class Day:
    """The pictures of one day on this page. The whole day has `count`, or more when `at_least`."""

    date: date
    captures: list[Capture]
    count: int
    at_least: bool = False


def days_of(items: list[Capture], rows: CaptureQuerySet, zone: tzinfo) -> list[Day]:
    """Group a page by day. Only its first and last can have pictures elsewhere, so only they are counted."""
    grouped: dict[date, list[Capture]] = {}
    for capture in items:
        grouped.setdefault(capture.received_at.astimezone(zone).date(), []).append(capture)
    edges = {next(iter(grouped)), next(reversed(grouped))} if grouped else set()
    days = []
    for day, captures in grouped.items():
        count = _count(day, rows, zone) if day in edges else len(captures)
        days.append(Day(day, captures, min(count, COUNT_AT_MOST), count > COUNT_AT_MOST))
    return days


def _count(day: date, rows: CaptureQuerySet, zone: tzinfo) -> int:
    start, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    return rows.filter(received_at__gte=start, received_at__lt=end)[: COUNT_AT_MOST + 1].count()


def months_of(user, filters: Filters, zone: tzinfo) -> list[date]:
    """Return the first days of the months with pictures, newest first: one step along the index for each.

    Only device and group narrow them: a rare label would make every step walk far.
    """
    rows = captures_matching(user, Filters(devices=filters.devices, group=filters.group))
    months: list[date] = []
    newest = rows.values_list("received_at", flat=True).first()
    while newest and len(months) < MONTHS_AT_MOST:
        months.append(newest.astimezone(zone).date().replace(day=1))
        before = start_of_day(months[-1], zone)
        newest = rows.filter(received_at__lt=before).values_list("received_at", flat=True).first()
    return months


def neighbours_of(capture: Capture) -> tuple[Capture | None, Capture | None]:
    """Return the pictures of the same device just before and just after this one."""
    rows = Capture.objects.filter(device=capture.device_id)
    at, id_ = capture.received_at, capture.pk
    older = rows.filter(Q(received_at__lt=at) | Q(id__lt=id_), received_at__lte=at)
    newer = rows.filter(Q(received_at__gt=at) | Q(id__gt=id_), received_at__gte=at)
    return older.order_by("-received_at", "-id").first(), newer.order_by("received_at", "id").first()
