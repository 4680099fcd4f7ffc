"""What pages and programs ask of a hub with many pictures: jobs of `benchmarks.filling`."""

import random
import time
from collections.abc import Callable
from datetime import UTC, timedelta

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from benchmarks.many_pictures import DAYS, FEW, WORDS
from media_pipeline.captures.models import Capture
from media_pipeline.history.query import cursor_of

_HISTORY = {
    "first page": "",
    "deep page": "cursor={cursor}",
    "one by one": "fold=no&cursor={cursor}",
    "a day": "at={day}",
    "an hour": "at={day}T12",
    "a span": "from={day}&to={day}",
    "a month": "month={month}",
    "busy camera": "device={busy}",
    "quiet camera": "device={quiet}",
    "camera without new pictures": "device=cam-9990",
    "group": "group={group}",
    "tag of many": "tag=garden",
    "tag of few": "tag=fox",
    "tag of none": "tag=unused",
    "kept": "kept=yes",
    "kept, deep": "kept=yes&cursor={cursor}",
    "kept of a day": "kept=yes&at={day}",
    "kept, a month": "kept=yes&month={month}",
    "asked for": "asked=yes",
    "sent by itself": "asked=no",
    "any fault": "fault=any",
    "fault of old ones": "fault=blurred",
    "fault of none": "fault=blown_out",
    "flag": "flag=clock",
    "flag of none": "flag=transport",
    "mirrored": "state=mirrored",
    "waiting": "state=waiting",
    "mirror problem": "state=problem",
    "kept and fault": "kept=yes&fault=any",
    "group and kept": "group={group}&kept=yes",
    "tag and asked for": "tag=garden&asked=yes",
    "tag and fault": "tag=garden&fault=black",
    "camera, fault and span": "device={busy}&fault=any&from={day}",
    "kept of a quiet camera": "device={quiet}&kept=yes",
    "waiting of a group": "group={group}&state=waiting",
    "common word": "q={common}",
    "old word": "q={old}",
    "rare word": "q={rare}",
    "Chinese word": "q={chinese}",
    "absent word": "q={absent}",
    "rare word, deep": "q={rare}&cursor={cursor}",
    "old word, deep": "q={old}&cursor={cursor}",
    "file name": "q=IMG_{stamp}",
    "beginning of names": "q=IMG_{stamp:.6}",
    "name of a camera": "q=Camera+7777",
    "rare word and kept": "q={rare}&kept=yes",
    "common word and group": "q={common}&group={group}",
}
_PAGES = {
    "calendar": "/history/calendar?month={month}",
    "calendar of kept": "/history/calendar?month={month}&kept=yes",
    "calendar of a camera": "/history/calendar?month={month}&device={busy}",
    "lightbox": "/captures/around?at=newest",
    "lightbox: kept": "/captures/around?at=newest&kept=yes",
    "lightbox: common word": "/captures/around?at=newest&q={common}",
    "lightbox: rare word": "/captures/around?at=newest&q={rare}",
    "picker": "/captures/picker",
    "api: captures": "/api/v1/captures",
    "api: kept": "/api/v1/captures?kept=yes",
    "api: rare word": "/api/v1/captures?q={rare}",
    "api: devices": "/api/v1/devices",
    "live": "/",
    "devices": "/devices/",
    "devices by name": "/devices/?sort=-name",
    "devices by last seen": "/devices/?sort=-heard",
    "devices: search": "/devices/?q=camera+77",
    "devices: online": "/devices/?online=yes",
    "devices of a group": "/devices/?group={group}",
    "palette": "/search?part=1&q=gard",
    "panels": "/panels/",
    "playlists": "/panels/playlists/",
    "trash": "/trash",
    "shared links": "/shared-links",
    "time-lapses": "/timelapses",
}
_OF_FEW = (
    "first page",
    "deep page",
    "a day",
    "a month",
    "kept",
    "any fault",
    "asked for",
    "tag of few",
    "waiting",
)
_OF_FEW += ("common word", "rare word")
_PAGES_OF_FEW = ("calendar", "live", "devices", "trash", "palette")


def addresses(rng: random.Random) -> dict[str, str]:
    """Return what is asked, with another place of the history each time."""
    at = timezone.now() - timedelta(days=rng.uniform(5, DAYS - 5))
    cursor = cursor_of(at.astimezone(UTC), Capture().pk)
    values = {"cursor": cursor, "day": f"{at:%Y-%m-%d}", "month": f"{at:%Y-%m}"}
    values |= {"stamp": f"{at:%Y%m%d_%H%M}", "group": f"Group+{rng.randrange(1, 90):03}"}
    values |= {"busy": f"cam-{rng.randrange(3)}", "quiet": f"cam-{rng.randrange(300, 9000)}"}
    asked = {f"history: {what}": f"/history?{query}" for what, query in _HISTORY.items()}
    asked |= _PAGES
    asked |= {f"few groups: {what}": f"/history?{_HISTORY[what]}" for what in _OF_FEW}
    asked |= {f"few groups: {what}": _PAGES[what] for what in _PAGES_OF_FEW}
    return {what: address.format(**values, **WORDS) for what, address in asked.items()}


def ask_pages(times: int, only: str = "", seed: int = 1) -> dict[str, list[list[float]]]:
    """Ask each page so often. Returns for each what every time took: whole, its database, and its processor time, ms."""
    clients = {name: _log_in(name) for name in ("ada", FEW)}
    rng, found = random.Random(seed), {}
    turns = [addresses(rng) for _ in range(times + 1)]
    for what in turns[0]:
        if only and not any(part in what for part in only.split("|")):
            continue
        client = clients[FEW if what.startswith("few") else "ada"]
        found[what] = [_ask(client, turn[what]) for turn in turns][1:]
    return found


def _log_in(name: str) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(
        get_user_model().objects.get(username=name), "django.contrib.auth.backends.ModelBackend"
    )
    return client


def _ask(client: Client, address: str) -> list[float]:
    spent = [0.0]

    def watch(execute, sql, params, many, context):
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent[0] += time.perf_counter() - begun

    begun, processor = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(watch):
        answer = client.get(address)
    taken = [
        1000 * value for value in (time.perf_counter() - begun, spent[0], time.process_time() - processor)
    ]
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")
    return taken


def slow_statements(address: str, who: str = "ada", at_least_ms: float = 2.0) -> list[str]:
    """Return the statements of a page that take long, with their plans: for whoever looks for the reason."""
    lines: list[str] = []

    def watch(execute, sql, params, many, context):
        begun = time.perf_counter()
        answer = execute(sql, params, many, context)
        taken = 1000 * (time.perf_counter() - begun)
        if taken >= at_least_ms and sql.startswith("SELECT"):
            lines.append(f"{taken:.1f} ms {sql} {params}")
            wrappers, connection.execute_wrappers = connection.execute_wrappers, []
            with connection.cursor() as cursor:
                word = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN ANALYZE"
                cursor.execute(f"{word} {sql}", params)
                lines.extend(f"    {row[-1]}" for row in cursor.fetchall())
            connection.execute_wrappers = wrappers
        return answer

    client = _log_in(who)
    client.get(address)
    with connection.execute_wrapper(watch):
        client.get(address)
    return lines


JOBS: tuple[Callable, ...] = (ask_pages, slow_statements)
