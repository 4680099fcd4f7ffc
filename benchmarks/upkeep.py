"""Upkeep of what is stored, on SQLite and PostgreSQL: retention, removing a device, the mirror's queue, events, the status page.

The work runs in a process of its own beside an embedded hub that takes uploads at a steady pace. With PostgreSQL that is
how production does it; with SQLite it is harder than in one process, whose threads wait for each other at a lock.
"""

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.hubs import in_hub
from benchmarks.measuring import table
from benchmarks.pictures import make_picture
from benchmarks.servers import Server, embedded_server
from tests.hub_process import running_hub
from tests.production import postgres

ENGINES = ("SQLite", "PostgreSQL")
_MODULE = "hoards"
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
            with _hub(engine) as (env, server):
                rows[engine] = _measure(env, server, picture, size)
    asked = {"old": size.old, "removed": size.removed, "waiting": size.waiting, "events": size.events}
    return {"size": asked | {"per_s": size.per_s}, "rows": rows}


@contextlib.contextmanager
def _hub(engine: str) -> Iterator[tuple[dict[str, str], Server]]:
    with contextlib.ExitStack() as started:
        env: dict[str, str] = {}
        if engine == "PostgreSQL":
            folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="photohub-upkeep-")))
            server = postgres.start(folder / "postgres")
            started.callback(server.cleanup)
            env["DATABASE_URL"] = f"postgresql://postgres@/postgres?host={folder}/postgres"
        hub = started.enter_context(running_hub(env=env))
        yield hub.env, embedded_server(engine, hub, [hub.add_device("lane", "esp32s3")])


def _measure(env: dict[str, str], server: Server, picture: Path, size: Size) -> dict[str, float]:
    def do(job: str, **values: Any) -> Any:
        return in_hub(env | _KEEP, job, module=_MODULE, **values)

    def upload() -> load.Outcome:
        return load.run(server.order(picture, size.connections, size.seconds, size.per_s))

    found = {"status, few rows, ms": do("look_at_status", times=5)["all_ms"]}
    do("hoard", code="old", pictures=size.old, days_old=100)
    do("hoard", code="gone", pictures=size.removed, days_old=1)
    upload()
    found["uploads alone, p99 ms"] = upload().p99_ms
    retained, beside = _beside(lambda: do("retain"), upload)
    found |= _told("retention", retained) | {"uploads beside retention, p99 ms": beside.p99_ms}
    removed, beside = _beside(lambda: do("remove_device", code="gone"), upload)
    found["removal, answer, ms"] = 1000 * removed["answer"]["seconds"]
    found |= _told("removal", removed["rest"]) | {"uploads beside removal, p99 ms": beside.p99_ms}
    found["removal, to the end, s"] = removed["rest"]["seconds"]
    # The hub's own worker would copy, prune and count meanwhile.
    server.pause()
    try:
        return found | _measure_looks(do, size)
    finally:
        server.go_on()


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
