"""A hub with as many pictures as it may ever have, made by SQL: a job of `benchmarks.filling`.

What is rare is rare everywhere, and some of it lies only among the oldest pictures, as where a camera that wrote other
names was taken down: a database that takes the average for every place is led astray.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.access.models import DeviceInGroup, Membership, Role
from devices.commands.models import Command, CommandState
from devices.panels.playlists.models import PlaylistItem
from devices.registry.models import Device, Panel
from media_pipeline.captures.models import Capture, Source, Step, Tag, Tagging
from media_pipeline.links.models import ShareLink
from media_pipeline.maintenance import counting
from media_pipeline.maintenance.models import CountedSpan, DayCount, HourCount
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.search import index as text_index

DAYS = 90
PER_GROUP = 100
PANELS = 200
_BUSY_SHARE = 100  # One camera of so many takes half of all pictures.
_TRASHED = 300
_WAITING = 200
_LINKS = 200
WORDS = {"common": "IMG", "old": "OLDCAM", "rare": "wolverine", "chinese": "门口", "absent": "no-such-word"}
FEW = "few"  # Who may look after three groups of all.


class Rows:
    """The few expressions that the two databases spell differently; `n` is the number of the picture, from 1."""

    def __init__(self, pictures: int, devices: int, first_device: int, now: datetime) -> None:
        self.is_sqlite = connection.vendor == "sqlite"
        self.pictures, self.devices, self.first_device = pictures, devices, first_device
        self.start_ms = int((now - timedelta(days=DAYS)).timestamp() * 1000)
        self.step_ms = DAYS * 86_400_000 / pictures

    @property
    def ms(self) -> str:
        # Never a whole second: Django would write it to SQLite without its zeros, and compares texts.
        return f"(CAST({self.start_ms} + n * {self.step_ms!r} AS bigint) | 1)"

    @property
    def at(self) -> str:
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f', {self.ms} / 1000.0, 'unixepoch') || '000'"
        return f"to_timestamp({self.ms} / 1000.0)"

    def key(self, version: str) -> str:
        """Return a key of version 7 for the picture, or for its command."""
        if self.is_sqlite:
            return f"printf('%012x{version}%03x8%015x', {self.ms}, n % 4096, n)"
        digits = f"lpad(to_hex({self.ms}), 12, '0') || '{version}' || lpad(to_hex(n % 4096), 3, '0') || '8'"
        return f"({digits} || lpad(to_hex(n), 15, '0'))::uuid"

    @property
    def name(self) -> str:
        """Return what the camera called it; in the oldest eighth of the time other names were in use."""
        stamp = (
            f"strftime('%Y%m%d_%H%M%S', {self.ms} / 1000, 'unixepoch')"
            if self.is_sqlite
            else f"to_char(to_timestamp({self.ms} / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS')"
        )
        old = f"CASE WHEN n < {self.pictures // 8} THEN '{WORDS['old']}_' ELSE '{WORDS['common']}_' END"
        return f"{old} || {stamp} || '_' || n % 1000"

    @property
    def hash(self) -> str:
        mixed = "(n * 2654435761) % 4294967296"
        return f"printf('%08x%056x', {mixed}, n)" if self.is_sqlite else f"lpad(to_hex({mixed}), 8, '0') || n"

    @property
    def device(self) -> str:
        """Return the camera: half of the pictures come from a few; the last group has but old ones."""
        busy, all_ = max(1, self.devices // _BUSY_SHARE), max(1, self.devices - PER_GROUP)
        even = f"CASE WHEN n < {self.pictures // 50} AND n % 10 = 1 THEN {all_} + n / 10 % {self.devices - all_ or 1}"
        return f"{self.first_device} + CASE WHEN n % 2 = 0 THEN n / 2 % {busy} ELSE {even} ELSE n % {all_} END END"

    def none(self, kind: str) -> str:
        return "NULL" if self.is_sqlite else f"NULL::{kind}"

    def literal(self, value: Any, field) -> str:
        """Return a value of a column that all rows share."""
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return str(int(value)) if self.is_sqlite else str(value)
        if isinstance(value, int):
            return str(value)
        if isinstance(value, dict | list):
            return "'{}'" if isinstance(value, dict) else "'[]'"
        return f"'{value}'"

    def insert(self, row, columns: dict[str, str], where: str = "") -> None:
        """Insert a row for each number; what is not among the columns is as in this row."""
        fields = row._meta.concrete_fields
        shown = [columns.get(f.column) or self.literal(getattr(row, f.attname), f) for f in fields]
        names = ", ".join(connection.ops.quote_name(f.column) for f in fields)
        numbers = (
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {self.pictures})"
            if self.is_sqlite
            else f"WITH numbers AS (SELECT n::bigint FROM generate_series(1, {self.pictures}) n)"
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {row._meta.db_table} ({names}) {numbers} "
                f"SELECT {', '.join(shown)} FROM numbers WHERE {where or 'true'} ORDER BY n"
            )


def fill_many(devices: int, pictures: int) -> int:
    """Make so many devices in groups, and so many pictures of them over the last 90 days."""
    now = timezone.now().replace(microsecond=0)
    with transaction.atomic():
        first = _make_devices(devices)
        _make_people()
        rows = Rows(pictures, devices, first, now)
        _make_pictures(rows, now)
        _make_labels(rows)
        _count(now)
    _index_texts()
    with connection.cursor() as cursor:
        # PostgreSQL does this by itself, SQLite never.
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
    return Capture.everything.count()


def _make_devices(devices: int) -> int:
    groups = DeviceGroup.objects.bulk_create(
        DeviceGroup(name=f"Group {n:03}") for n in range(-(-devices // PER_GROUP))
    )
    topics = {"result_publisher": "device"}
    made = Device.objects.bulk_create(
        (
            Device(
                code=f"cam-{n}",
                name=f"Camera {n}",
                profile="generic",
                last_seen_at=timezone.now() - timedelta(seconds=n),
                **topics,
            )
            for n in range(devices)
        ),
        batch_size=1000,
    )
    panels = Device.objects.bulk_create(
        Device(code=f"panel-{n}", name=f"Panel {n}", profile="panel") for n in range(min(PANELS, devices))
    )
    grouped = [(device, groups[n // PER_GROUP]) for n, device in enumerate(made)]
    grouped += [(panel, groups[n % len(groups)]) for n, panel in enumerate(panels)]
    DeviceInGroup.objects.bulk_create(
        (DeviceInGroup(device=device, group=group) for device, group in grouped), batch_size=1000
    )
    Panel.objects.bulk_create(Panel(device=panel) for panel in panels)
    PlaylistItem.objects.bulk_create(
        PlaylistItem(device=panel, camera=made[n % devices], position=0) for n, panel in enumerate(panels)
    )
    return made[0].pk


def _make_people() -> None:
    people = get_user_model().objects
    people.filter(username="ada").exists() or people.create_superuser("ada", "", "a long enough word 7")
    few = people.create_user(FEW, "", "a long enough word 7")
    groups = list(DeviceGroup.objects.order_by("pk"))
    # The first has the busy cameras; these have quiet ones, and the last has had no picture for long.
    for group in {groups[len(groups) // 2], groups[-1], groups[-2 if len(groups) > 1 else 0]}:
        Membership.objects.create(user=few, role=Role.OPERATOR, group=group)


def _make_pictures(rows: Rows, now: datetime) -> None:
    asked = "n % 100 = 1"
    ended = {"expires_at": now, "created_at": now, "finished_at": now}
    command = Command(device_id=0, name="x", state=CommandState.UPLOADED, **ended)
    columns = {"device_id": rows.device, "created_at": rows.at, "finished_at": rows.at}
    rows.insert(command, {"id": rows.key("7"), "name": "'c' || n", **columns}, asked)
    facts = {"path": "none/none.jpg", "sha256": "x", "size_bytes": 55_000, "content_type": "image/jpeg"}
    facts |= {"width": 1024, "height": 768, "received_at": now, "stored_at": now, "colour": "#806040"}
    some = Capture(device_id=0, name="x", source=Source.HTTP, thumbnail_state=Step.DONE, **facts)
    columns = {
        "id": rows.key("7"),
        "code": "'c' || n",
        "device_id": rows.device,
        "command_id": f"CASE WHEN {asked} THEN {rows.key('7')} END",
        "name": rows.name,
        "sha256": rows.hash,
        "received_at": rows.at,
        "stored_at": rows.at,
        "kept": "n % 5000 = 17",
        "dhash": "(n * 40503) % 9223372036854775807",
        "trashed_at": f"CASE WHEN n % {max(2, rows.pictures // _TRASHED)} = 1 THEN {rows.at} END",
    }
    rows.insert(some, columns | _odd_things(rows))
    copy = OSSObject(capture_id=some.pk, key="x", state=MirrorState.MIRRORED, next_try_at=now, created_at=now)
    last = f"n % {max(2, rows.pictures // _WAITING)} = 3"
    failed = f"n % {max(2, rows.pictures // 20)} = 5"
    state = f"CASE WHEN {last} THEN 'pending' WHEN {failed} THEN 'failed' ELSE 'mirrored' END"
    rows.insert(
        copy, {"capture_id": rows.key("7"), "key": "'k' || n", "state": state, "mirrored_at": rows.at}
    )


def _odd_things(rows: Rows) -> dict[str, str]:
    """Return what few pictures have: notes, faults, flags."""
    note = (
        f"CASE WHEN n % {max(rows.pictures // 5, 2)} = 1 AND n < {rows.pictures // 2} "
        f"THEN 'a {WORDS['rare']} at night' WHEN n % 2000 = 3 THEN '{WORDS['chinese']}有人经过' "
        "WHEN n % 1000 = 7 THEN 'seen by hand' ELSE '' END"
    )
    oldest = f"n < {rows.pictures // 4}"
    faults = f"CASE WHEN n % 1000 = 11 THEN 'black' WHEN n % 100 = 12 AND {oldest} THEN 'blurred' END"
    flags = "CASE WHEN n % 1000 = 13 THEN '[\"clock\"]' ELSE '[]' END" + ("" if rows.is_sqlite else "::jsonb")
    return {"note": note, "fault": faults, "flags": flags}


def _make_labels(rows: Rows) -> None:
    garden, fox, _unused = Tag.objects.bulk_create(Tag(name=name) for name in ("garden", "fox", "unused"))
    for tag, where in ((garden, "n % 50 = 1"), (fox, f"n % {max(2, rows.pictures // 10)} = 9")):
        with connection.cursor() as cursor:
            # By the number that stands in the code, so that both databases choose the same pictures.
            cursor.execute(
                f"INSERT INTO {Tagging._meta.db_table} (capture_id, tag_id, received_at) "
                f"SELECT id, {tag.pk}, received_at FROM {Capture._meta.db_table} "
                f"WHERE {where.replace('n %', 'CAST(substr(code, 2) AS bigint) %')}"
            )
    newest = Capture.objects.order_by("-received_at")[:_LINKS]
    ada = get_user_model().objects.get(username="ada")
    ShareLink.objects.bulk_create(
        ShareLink(capture=each, device_id=each.device_id, created_by=ada) for each in newest
    )


def _index_texts() -> None:
    """Let the sweep look until the index of texts is whole."""
    while text_index.waits():
        text_index.keep_texts()


def _count(now: datetime) -> None:
    """Count all pictures as the sweep does, in one statement."""
    captures = Capture._meta.db_table
    seconds = (
        "CAST(strftime('%s', received_at) AS bigint)"
        if connection.vendor == "sqlite"
        else "floor(extract(epoch FROM received_at))::bigint"
    )
    quarters = ", ".join(f"sum(CASE WHEN q = {n} THEN 1 ELSE 0 END)" for n in range(4))
    until = counting.hour_of(now)
    with connection.cursor() as cursor:
        source = (
            f"SELECT device_id AS d, {seconds} / 3600 AS h, {seconds} % 3600 / 900 AS q FROM {captures} "
            f"WHERE trashed_at IS NULL AND {seconds} < {until * 3600}"
        )
        for camera in ("d", str(counting.ALL_CAMERAS)):
            cursor.execute(
                f'INSERT INTO {HourCount._meta.db_table} (camera, hour, "first", second, third, fourth) '
                f"SELECT {camera}, h, {quarters} FROM ({source}) AS one GROUP BY {'d, h' if camera == 'd' else 'h'}"
            )
        cursor.execute(
            f"INSERT INTO {DayCount._meta.db_table} (camera, day, pictures) "
            f'SELECT camera, hour / 24, sum("first" + second + third + fourth) '
            f"FROM {HourCount._meta.db_table} GROUP BY camera, hour / 24"
        )
    CountedSpan.objects.create(pk=1, since=0, until=until)


JOBS: tuple[Callable, ...] = (fill_many,)
