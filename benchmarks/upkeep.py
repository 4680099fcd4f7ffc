"""Upkeep of what is stored, on SQLite and PostgreSQL: retention, removing a device, the mirror's queue, events, the status page.

What deletes beside uploads is asked of the hub as a person asks: its own worker does it. The longest transactions are
those of a process of its own, while the hub is stopped.
"""

import contextlib
import functools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import load
from benchmarks.hubs import OWNER, in_hub
from benchmarks.measuring import table
from benchmarks.pictures import make_picture
from benchmarks.servers import Server, embedded_server
from tests.hub_process import HubProcess, running_hub
from tests.production import postgres

ENGINES = ("SQLite", "PostgreSQL")
_MODULE = "hoards"
_PATIENCE_S = 3600.0
_KEEP = {"PHOTOHUB_KEEP_DAYS": "30"}


@dataclass(frozen=True)
class Size:
    old: int
    removed: int
    waiting: int
    events: int
    seconds: float
    per_s: float
    prune_s: float
    engines: tuple[str, ...] = ENGINES
    connections: int = 8
    picture_bytes: int = 55_000


TINY = Size(600, 150, 50, 1_200, 0.5, 10, 1.0, engines=("SQLite",), connections=2, picture_bytes=4_000)
SHORT = Size(40_000, 100_000, 200_000, 1_000_000, 10.0, 30, 10.0)
LONG = Size(400_000, 1_000_000, 200_000, 1_000_000, 60.0, 30, 60.0)


def run(size: Size) -> dict[str, Any]:
    """Measure each engine. Returns {"size": …, "rows": {engine: {figure: value}}}."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(make_picture(size.picture_bytes))
        for engine in size.engines:
            with _hub(engine) as (hub, server):
                rows[engine] = _measure(hub, server, picture, size)
    asked = {"old": size.old, "removed": size.removed, "waiting": size.waiting, "events": size.events}
    return {"size": asked | {"per_s": size.per_s}, "rows": rows}


@contextlib.contextmanager
def _hub(engine: str) -> Iterator[tuple[HubProcess, Server]]:
    with contextlib.ExitStack() as started:
        env = dict(OWNER)
        if engine == "PostgreSQL":
            folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="photohub-upkeep-")))
            database = postgres.Database(folder / "postgres")
            database.start()
            started.callback(database.stop)
            env["DATABASE_URL"] = database.url
        hub = started.enter_context(running_hub(env=env))
        yield hub, embedded_server(engine, hub, [hub.add_device("lane", "esp32s3")])


def _measure(hub: HubProcess, server: Server, picture: Path, size: Size) -> dict[str, float]:
    do = _doer(hub)
    found = {"status, few rows, ms": do("look_at_status", times=5)["all_ms"]}
    found |= _measure_beside_uploads(hub, server, picture, size)
    # The hub's own worker would do some of it meanwhile.
    server.pause()
    try:
        do("hoard", code="old", pictures=size.old, days_old=100)
        found |= _told("retention", do("retain"))
        do("hoard", code="alone", pictures=size.old, days_old=1)
        found |= _told("removal", do("remove_device", code="alone"))
        return found | _measure_looks(do, size)
    finally:
        server.go_on()


def _doer(hub: HubProcess) -> Callable[..., Any]:
    return functools.partial(in_hub, hub.env | _KEEP, module=_MODULE)


def _measure_beside_uploads(hub: HubProcess, server: Server, picture: Path, size: Size) -> dict[str, float]:
    """Have the hub's own worker remove a device and empty the trash while pictures come."""
    do, found = _doer(hub), {}
    headers = {"authorization": f"Bearer {hub.console.run('api_token', 'ada').strip()}"}

    def upload() -> load.Outcome:
        return load.run(server.order(picture, size.connections, size.seconds, size.per_s))

    do("hoard", code="trash", pictures=size.old, days_old=1, trashed=True)
    do("hoard", code="gone", pictures=size.removed, days_old=1)
    upload()
    found["uploads alone, p99 ms"] = upload().p99_ms
    ways = {"emptying the trash": (size.old, "trash"), "removing a device": (size.removed, "devices/gone")}
    for what, (rows, path) in ways.items():

        def work(path: str = path) -> tuple[float, float]:
            begun_s = time.monotonic()
            httpx.delete(f"{hub.url}/api/v1/{path}", headers=headers, timeout=60).raise_for_status()
            answered_s = time.monotonic() - begun_s
            return answered_s, answered_s + do("wait_gone", within_s=_PATIENCE_S)

        (answered_s, ended_s), beside = _beside(work, upload)
        found |= {
            f"{what}, answer, ms": 1000 * answered_s,
            f"{what}, rows/s": rows / ended_s,
            f"{what}, to the end, s": ended_s,
            f"uploads beside {what}, p99 ms": beside.p99_ms,
        }
    return found


def _measure_looks(do: Callable[..., Any], size: Size) -> dict[str, float]:
    """Measure what is asked for every few seconds, with all of it in the tables."""
    found: dict[str, float] = {}
    do("hoard", code="copies", pictures=size.waiting, days_old=0, waiting=True)
    queue = do("mirror_queue", times=5)
    found |= {
        "mirror.due, ms": queue["due_ms"],
        "mirror.due while blocked, ms": queue["due_after_block_ms"],
        "mirror blocked, longest transaction, ms": queue["block_longest_ms"],
        "mirror woken, longest transaction, ms": queue["wake_longest_ms"],
    }
    do("old_events", count=size.events)
    found |= _told("events.prune", do("prune_events", seconds=size.prune_s))
    status = do("look_at_status", times=5)
    found["status, many rows, ms"] = status["all_ms"]
    found["status, statements"] = status["statements"]
    return found


def _beside(work: Callable[[], Any], upload: Callable[[], load.Outcome]) -> tuple[Any, load.Outcome]:
    """Upload while something else is done."""
    outcomes: list[load.Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(upload()))
    thread.start()
    try:
        done = work()
    finally:
        thread.join()
    return done, outcomes[0]


def _told(what: str, timed: dict[str, float]) -> dict[str, float]:
    return {
        f"{what}, rows/s": timed["per_s"],
        f"{what}, ms of the processor each": timed["cpu_ms"],
        f"{what}, longest transaction, ms": timed["longest_ms"],
    }


def report(result: dict[str, Any]) -> str:
    """Return the result as a table, a column for each engine."""
    engines = list(result["rows"])
    size = result["size"]
    head = (
        f"{size['old']:,} old pictures, {size['removed']:,} of a removed device, {size['waiting']:,} copies that wait, "
        f"{size['events']:,} old events; {size['per_s']:g} uploads/s"
    )
    first = result["rows"][engines[0]]
    rows = ((what, *(float(result["rows"][engine][what]) for engine in engines)) for what in first)
    return table((head, *engines), rows)
