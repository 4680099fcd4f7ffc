"""Several machines of one hub with equal shares of the processor: how uploads and history grow with them, and what ends that.

PostgreSQL, Redis and the bucket are shared, and have no quota. What PostgreSQL is at is looked up in `pg_stat_activity` all the
time: the statement that is seen most often is the one that it spends its time with.
"""

import contextlib
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from benchmarks import load, quota
from benchmarks.measuring import alternate, median, table
from benchmarks.pictures import make_picture
from tests.fakes.oss_server import FakeOSS
from tests.production.cluster import Cluster, Machine

HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
HISTORY = "/api/v1/captures?limit=60"
_LOOK_EVERY_S = 0.02
_ACTIVE = (
    "SELECT coalesce(wait_event_type || ': ' || wait_event, 'works'), query FROM pg_stat_activity"
    " WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
# Of a statement as much as tells it from others; lists of values are as long as a batch is.
_SHOWN = 70
_VALUES = re.compile(r"(\$\d+(, )?)+")


@dataclass(frozen=True)
class Size:
    machines: tuple[int, ...]
    rounds: int
    seconds: float
    cores_each: float = 0.2
    connections_each: int = 8
    picture_bytes: int = 55_000


TINY = Size((1, 2), 1, 0.5, picture_bytes=4_000)
SHORT = Size((1, 2, 4), 3, 5.0)
LONG = Size((1, 2, 4), 7, 20.0)


def run(size: Size) -> dict[str, Any]:
    """Measure each number of machines in turn. Returns {"limited", "cores_each", "rows": [...]}."""
    hosts = HOSTS[: max(size.machines)]
    with _running(hosts) as cluster, quota.quotas([m.name for m in cluster.all], size.cores_each) as groups:
        for machine in cluster.all if groups else ():
            for process in machine.processes.values():
                quota.put_into(groups[machine.name], process.pid)
        key = cluster.add_device("bench")["key"]
        picture = cluster.folder / "picture.jpg"
        picture.write_bytes(make_picture(size.picture_bytes))

        def measure(count: str) -> dict[str, Any]:
            return _measure(cluster, cluster.all[: int(count)], picture, key, size)

        found = alternate(size.rounds, [str(count) for count in size.machines], measure)
    rows = [_row(int(count), rounds, found["1"]) for count, rounds in found.items()]
    return {"limited": groups is not None, "cores_each": size.cores_each, "rows": rows}


@contextlib.contextmanager
def _running(hosts: tuple[str, ...]) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="photohub-nodes-", dir="/tmp"))
    folder.chmod(0o755)
    with FakeOSS() as oss:
        cluster = Cluster(folder, oss, hosts=hosts)
        cluster.machines = cluster.all
        try:
            cluster.start_all()
            cluster.prepare_to_ask()
            yield cluster
        finally:
            cluster.stop_all()
            shutil.rmtree(folder, ignore_errors=True)


def _measure(
    cluster: Cluster, machines: list[Machine], picture: Path, key: str, size: Size
) -> dict[str, Any]:
    order = load.Order(
        [f"{machine.url}/api/upload" for machine in machines],
        str(picture),
        size.connections_each * len(machines),
        size.seconds,
        headers=[{"X-Device-Key": key}],
    )
    with _watching(cluster) as seen:
        outcome = load.run(order)
    answered, took_ms = _ask_history(cluster, machines, size.seconds / 2)
    return {
        "per_s": outcome.per_s,
        "errors": outcome.errors,
        "p99_ms": outcome.p99_ms,
        "history_per_s": answered,
        "history_ms": took_ms,
        "database_cores": seen["cores"],
        "statements": seen["statements"],
        "waits": seen["waits"],
    }


@contextlib.contextmanager
def _watching(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Look at what PostgreSQL is at while the block runs, and count its processor time."""
    seen: dict[str, Any] = {"statements": Counter(), "waits": Counter(), "cores": 0.0}
    stopped = threading.Event()

    def look() -> None:
        with psycopg.connect(cluster.database.url, autocommit=True) as connection:
            while not stopped.wait(_LOOK_EVERY_S):
                for waits, query in connection.execute(_ACTIVE).fetchall():
                    seen["waits"][waits] += 1
                    seen["statements"][shown(query)] += 1

    thread = threading.Thread(target=look)
    begun_s, before_s = time.monotonic(), _processor_s(cluster.database.pid)
    thread.start()
    try:
        yield seen
    finally:
        stopped.set()
        thread.join()
        seen["cores"] = (_processor_s(cluster.database.pid) - before_s) / (time.monotonic() - begun_s)


def _processor_s(pid: int) -> float:
    """Return the processor time of a process and its children until now."""
    total_s = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total_s += times.user + times.system
    return total_s


def shown(query: str) -> str:
    """Return the beginning of a statement, the same for every number of values."""
    return _VALUES.sub("…", " ".join(query.split()))[:_SHOWN]


def _ask_history(cluster: Cluster, machines: list[Machine], seconds: float) -> tuple[float, float]:
    """Ask every machine for the newest pictures, two at a time. Returns answers a second, and the median in ms."""
    headers, began_s = {"Authorization": f"Bearer {cluster.token}"}, time.monotonic()

    def ask(machine: Machine) -> list[float]:
        took = []
        with httpx.Client(base_url=machine.url, headers=headers, trust_env=False, timeout=30) as client:
            while not took or time.monotonic() < began_s + seconds:
                begun_s = time.monotonic()
                client.get(HISTORY).raise_for_status()
                took.append(time.monotonic() - begun_s)
        return took

    with ThreadPoolExecutor(2 * len(machines)) as pool:
        taken = [each for took in pool.map(ask, machines * 2) for each in took]
    return len(taken) / (time.monotonic() - began_s), 1000 * median(taken)


def _row(count: int, rounds: list[dict[str, Any]], alone: list[dict[str, Any]]) -> dict[str, Any]:
    statements, waits = Counter[str](), Counter[str]()
    for each in rounds:
        statements += each["statements"]
        waits += each["waits"]
    numbers = ("per_s", "p99_ms", "history_per_s", "history_ms", "database_cores")
    row: dict[str, Any] = {name: median(each[name] for each in rounds) for name in numbers}
    grown = median(r["per_s"] / max(a["per_s"], 1e-9) for r, a in zip(rounds, alone, strict=True))
    most = [(name, times / statements.total()) for name, times in statements.most_common(1)]
    waited = [(name, times / waits.total()) for name, times in waits.most_common(1)]
    errors = sum(each["errors"] for each in rounds)
    return {"machines": count, "errors": errors, "each": grown / count, "most": most, "waits": waited, **row}


def report(result: dict[str, Any]) -> str:
    """Return the table, and how the machines were kept equal."""
    head = ["machines", "pictures/s", "of one, each", "99 %, ms", "history/s", "history, ms"]
    head += ["PostgreSQL, cores", "its statement most often seen", "which mostly"]
    rows = [
        [
            row["machines"],
            row["per_s"],
            f"{row['each']:.2f}",
            row["p99_ms"],
            row["history_per_s"],
            row["history_ms"],
            row["database_cores"],
            *(_share(row[what]) for what in ("most", "waits")),
        ]
        for row in result["rows"]
    ]
    quota_words = f"Each machine had {result['cores_each']:g} of a core (a control group)."
    if not result["limited"]:
        quota_words = "No quota could be set here, so the machines shared all cores, and growth says little."
    errors = sum(row["errors"] for row in result["rows"])
    return f"{quota_words} {errors} errors.\n\n{table(head, rows)}"


def _share(found: list) -> str:
    return "–" if not found else f"`{found[0][0]}` ({found[0][1]:.0%})"
