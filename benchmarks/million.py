"""What each page costs as pictures become a million, of ten thousand cameras: on SQLite and on PostgreSQL.

The pages are asked within a process of the hub, by an owner and by somebody who may see three groups of a hundred, so a
figure is the page's whole work without a socket: *page* with its templates, *database* the waits for statements alone.
"""

import contextlib
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hubs import OWNER, in_hub
from benchmarks.load import ROOT
from benchmarks.measuring import alternate, table
from tests.hub_process import MANAGE, inherited
from tests.production import postgres

ENGINES = ("SQLite", "PostgreSQL")
FLAT_WITHIN = 0.3
GOAL_MS = 40.0
_KINDS = ("page", "database", "processor")


@dataclass(frozen=True)
class Size:
    pictures: tuple[int, ...]
    devices: int
    rounds: int
    times: int
    engines: tuple[str, ...] = ENGINES
    only: str = ""


TINY = Size((200, 400), 200, 1, 1, ("SQLite",), "kept")
SHORT = Size((10_000, 1_000_000), 10_000, 2, 8)
LONG = Size((10_000, 1_000_000, 10_000_000), 10_000, 3, 10)


def run(size: Size) -> dict[str, Any]:
    """Fill hubs of each size on each engine, then ask all of them the same, in turns."""
    with contextlib.ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
        engines = {}
        for engine in size.engines:
            made = started.enter_context(databases(engine, folder / engine))
            hubs = {n: _fill(folder / engine / str(n), next(made), n, size) for n in size.pictures}
            engines[engine] = _cells(_ask_all(hubs, size))
    return {"pictures": size.pictures, "devices": size.devices, "engines": engines}


def _ask_all(hubs: dict[int, dict[str, str]], size: Size) -> dict[str, list[dict]]:
    seeds = {str(n): 0 for n in hubs}

    def ask(name: str) -> dict[str, list[list[float]]]:
        seeds[name] += 1
        return in_hub(hubs[int(name)], "ask_pages", times=size.times, only=size.only, seed=seeds[name])

    return alternate(size.rounds, list(seeds), ask)


def _fill(data: Path, database: str, pictures: int, size: Size) -> dict[str, str]:
    env = inherited() | OWNER | {"DJANGO_SETTINGS_MODULE": "photohub.settings", "PHOTOHUB_NO_BOOTSTRAP": "1"}
    env |= {"PHOTOHUB_DATA": str(data), "DATABASE_URL": database}
    data.mkdir(parents=True)
    subprocess.run([sys.executable, MANAGE, "prepare"], cwd=ROOT, env=env, check=True, capture_output=True)
    in_hub(env, "fill_many", devices=size.devices, pictures=pictures)
    return env


@contextlib.contextmanager
def databases(engine: str, folder: Path) -> Iterator[Iterator[str]]:
    """Yield addresses of empty databases; for SQLite each data folder has its own."""
    folder.mkdir(parents=True)
    if engine == "SQLite":
        yield iter(lambda: "", None)
        return
    database = postgres.Database(folder / "server")
    database.start()
    try:
        yield (database.create(f"hub{number}") for number in itertools.count())
    finally:
        database.stop()


def _cells(results: dict[str, list[dict]]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return for each question and number of pictures the median and the 95 % of each kind of time, ms."""
    first = next(iter(results.values()))[0]
    cells: dict[str, dict] = {}
    for what in first:
        for name, rounds in results.items():
            times = [taken for found in rounds for taken in found[what]]
            of_kinds = {kind: _spread([each[i] for each in times]) for i, kind in enumerate(_KINDS)}
            cells.setdefault(what, {})[name] = of_kinds
    return cells


def _spread(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]]


def is_flat(cells: dict[str, dict[str, list[float]]]) -> bool:
    """Tell whether the largest hub's database takes at most 30 % more than the smallest's, or less than can be told."""
    figures = list(cells.values())
    few, many = figures[0], figures[-1]
    return many["database"][0] <= max(few["database"][0] * (1 + FLAT_WITHIN), few["database"][0] + 3)


def report(result: dict[str, Any]) -> str:
    """Return a table for each engine: the median and the 95 % of the page and of its database, ms."""
    return "\n\n".join(
        f"{engine}, {result['devices']:,} cameras; ms, median / 95 %:\n\n{_table(result, cells)}"
        for engine, cells in result["engines"].items()
    )


def _table(result: dict[str, Any], cells: dict[str, dict]) -> str:
    sizes = [str(n) for n in result["pictures"]]
    heads = [f"{kind}, {int(n):,}" for n in sizes for kind in ("page", "database")]
    rows = (
        (
            what,
            *("{:.0f} / {:.0f}".format(*of[n][kind]) for n in sizes for kind in ("page", "database")),
            "yes" if is_flat(of) else "no",
        )
        for what, of in cells.items()
    )
    return table(("asked", *heads, "flat"), rows)
