"""What each page and each read of the API costs the database, on a hub with few and with many pictures.

All that `tests/rights/table.py` lists under GET is asked, so a new address is asked too; and the filters of the history.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest import mock

from django.db import connection, transaction
from django.utils import timezone

from devices.events.models import Event
from devices.panels.deliveries.models import Delivery
from media_pipeline.captures.labels import add_tag
from media_pipeline.captures.models import Capture, Tag
from media_pipeline.history import around, counts, query, views
from media_pipeline.maintenance import counting, figures
from media_pipeline.mirror.models import OSSObject
from media_pipeline.search import index, matching, sources
from tests.large_tables import Sql, work_of
from tests.rights.operations import API
from tests.rights.table import PAGES, rows
from tests.rights.test_matrix import PREFIX, fill_in
from tests.rights.world import Place, World, make_world

FEW, MANY = 2_500, 10_000
# Rows that PostgreSQL may look at in one node of a plan.
TOUCHED_AT_MOST = 4_000
# What is not a page: it looks at no pictures, or streams until somebody hangs up.
NOT_ASKED = {
    "devices/<slug:code>/live/": "streams",
    "panel/next": "a panel's own",
}
# What is counted, or looked at for a calendar, has an end, which few pictures would not reach.
_BOUNDS = (
    (query, "COUNT_AT_MOST", 99),
    (views, "COUNT_AT_MOST", 99),
    (around, "COUNT_AT_MOST", 99),
    (matching, "COUNTED_BY_LOOKING", 99),
    (counts, "LOOKED_AT", 99),
    (counts, "LOOKED_AT_EACH", 99),
    (sources, "_NEAR", 99),
)
HISTORY = (
    "",
    "fold=no",
    "at={day}",
    "at={day}T12",
    "month={month}",
    "from={day}&to={day}",
    "device=yard-cam",
    "group=yard",
    "kept=yes",
    "kept=yes&at={day}",
    "kept=yes&month={month}",
    "asked=yes",
    "asked=no",
    "fault=any",
    "fault=black",
    "fault=blurred",
    "flag=clock",
    "flag=trailing",
    "state=mirrored",
    "state=waiting",
    "state=problem",
    "tag=few",
    "tag=unused",
    "q=rare",
    "q=IMG",
    "q=no-such-word",
    "kept=yes&fault=black",
    "q=rare&kept=yes",
    "tag=few&asked=no",
    "device=yard-cam&kept=yes",
    "group=yard&fault=black",
)


def _fill(world: World, now: datetime, rows_: int) -> None:
    sql = Sql(rows_, now)
    at = _minutes_before(sql, now)
    few = f"n % {rows_ // 100} = 7"
    columns = {
        "id": sql.key,
        "code": "'c' || n",
        "name": "'IMG_' || n",
        "sha256": "'s' || n",
        "received_at": at,
        "stored_at": at,
        "device_id": f"CASE WHEN n % 4 = 0 THEN {world.yard.camera.pk} ELSE {world.house.camera.pk} END",
        "kept": few if connection.vendor == "postgresql" else f"({few})",
        "fault": f"CASE WHEN {few} THEN 'black' END",
        "note": f"CASE WHEN n % {rows_ // 5} = 1 THEN 'a rare one' ELSE '' END",
        "command_id": "NULL",
    }
    camera = world.yard.camera
    facts = {"name": "a", "path": "a", "sha256": "a", "size_bytes": 1, "received_at": now, "stored_at": now}
    facts |= {"source": "http", "content_type": "image/jpeg", "width": 64, "height": 48}
    done = {"thumbnail_state": "done", "publish_state": "done"}
    first = Capture.objects.create(device=camera, **facts, **done)
    copy = OSSObject.objects.create(capture=first, key="k", state="mirrored", mirrored_at=now)
    sql.multiply(Capture.objects.create(device=camera, **facts | {"name": "b"}, **done), **columns)
    waiting = f"CASE WHEN n % {rows_ // 20} = 3 THEN 'pending' ELSE 'mirrored' END"
    sql.multiply(copy, capture_id=sql.key, state=waiting)
    first.delete()
    add_tag(Capture.objects.filter(note="a rare one"), "few")
    Tag.objects.create(name="unused")
    for device in (world.yard.camera, world.yard.panel):
        sql.multiply(Event.objects.create(type="notice", device=device, sentence="told"), at=at)
    sql.multiply(
        Delivery.objects.create(device=world.yard.panel, state="delivered"), id=sql.key, created_at=at
    )


def _minutes_before(sql: Sql, now: datetime) -> str:
    if connection.vendor == "postgresql":
        return sql.at("-n * 61 - 400000")
    # As Django writes whole seconds, or no picture would be where a cursor says.
    return f"strftime('%Y-%m-%d %H:%M:%S', '{now:%Y-%m-%d %H:%M:%S}', (-n * 61 - 400000) || ' seconds')"


@contextmanager
def hub_with(rows_: int) -> Iterator[World]:
    """Make a hub with so many pictures, let its clock stand still, and take all back afterwards."""
    now = timezone.now().replace(microsecond=0) + timedelta(seconds=2)
    with transaction.atomic(), contextlib.ExitStack() as patched:
        world = make_world()
        patched.enter_context(mock.patch("django.utils.timezone.now", lambda: now))
        for module, name, at_most in _BOUNDS:
            patched.enter_context(mock.patch.object(module, name, at_most))
        _fill(world, now, rows_)
        with mock.patch.object(counting, "_LOOK_S", 600), mock.patch.object(index, "_LOOK_S", 600):
            counting.keep_counts()
            index.keep_texts()
        figures.keep()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        yield world
        transaction.set_rollback(True)


def addresses(world: World, place: Place) -> dict[str, str]:
    """Return what is asked: name → address."""
    day = timezone.now() - timedelta(days=5)
    values = {"day": f"{day:%Y-%m-%d}", "month": f"{day:%Y-%m}"}
    found = {}
    for table, head in ((PAGES, "/"), (API, PREFIX)):
        for method, route in rows(table):
            if method == "GET" and route not in NOT_ASKED:
                found[f"{head}{route}"] = head + fill_in(route, world, place)
    for wish in HISTORY:
        for head in ("/history", "/captures/around", PREFIX + "/captures"):
            wanted = f"at=newest&{wish}" if head == "/captures/around" and "at=" not in wish else wish
            found[f"{head}?{wish}"] = f"{head}?{wanted.format(**values)}"
    return found


def costs(rows_: int) -> dict[str, int]:
    """Return what each costs an owner, and somebody who sees a part: steps of SQLite, or rows that PostgreSQL looks at."""
    found = {}
    with hub_with(rows_) as world:
        for role in ("owner", "viewer"):
            client = world.client(role)
            for what, address in addresses(world, world.yard).items():
                found[f"{role}: {what}"] = _cost(client, address)
    return found


def _cost(client, address: str) -> int:
    # What is kept for a while is not asked for again.
    with transaction.atomic():
        client.get(address)
        cost = work_of(lambda: client.get(address))
        transaction.set_rollback(True)
    return cost


def check_all() -> None:
    """Print which pages look at too much, for a process of its own on another database."""
    found = [f"{what}: {cost} rows" for what, cost in costs(MANY).items() if cost > TOUCHED_AT_MOST]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    print("\n".join(found) or "no page walks its table")
