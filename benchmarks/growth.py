"""What one picture and one page cost as devices and captures become many."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import load
from benchmarks.hubs import OWNER, in_hub, log_in
from benchmarks.ingest import WARM_UP_S
from benchmarks.measuring import alternate, median, ratio, table, time_ms
from benchmarks.pictures import make_picture
from benchmarks.servers import Server, embedded_server
from tests.hub_process import HubProcess, running_hub

FLAT_WITHIN = 0.2
_INGEST = "ingest, pictures/s"


@dataclass(frozen=True)
class Size:
    captures: tuple[int, int]
    devices: tuple[int, int]
    rounds: int
    seconds: float
    connections: int = 16
    picture_bytes: int = 55_000


TINY = Size((20, 60), (1, 3), 1, 0.2, 2, 4_000)
SHORT = Size((1_000, 200_000), (1, 1_000), 5, 2.0)
LONG = Size((1_000, 1_000_000), (1, 1_000), 9, 5.0)


@dataclass(frozen=True)
class Subject:
    """One hub with its amount of work."""

    hub: HubProcess
    server: Server
    browser: httpx.Client


def run(size: Size) -> dict[str, Any]:
    """Measure a small hub, one with many captures, and one with many captures of many devices, in turns."""
    few, many = size.captures
    one, all_ = size.devices
    amounts = {
        f"{one:,} device, {few:,} captures": (one, few),
        f"{one:,} device, {many:,} captures": (one, many),
        f"{all_:,} devices, {many:,} captures": (all_, many),
    }
    with contextlib.ExitStack() as started, tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(make_picture(size.picture_bytes))
        subjects = {name: _start(started, name, *amount) for name, amount in amounts.items()}
        results = alternate(size.rounds, list(subjects), lambda name: _measure(subjects[name], picture, size))
    return {"amounts": list(amounts), "figures": _figures(results)}


def _start(started: contextlib.ExitStack, name: str, devices: int, captures: int) -> Subject:
    hub = started.enter_context(running_hub(env=OWNER))
    in_hub(hub.env, "fill", devices=devices, captures=captures)
    server = embedded_server(name, hub, [hub.add_device("lane", "esp32s3")])
    browser = started.enter_context(contextlib.closing(log_in(hub.url)))
    server.pause()
    started.callback(server.go_on)
    return Subject(hub, server, browser)


def _measure(subject: Subject, picture: Path, size: Size) -> dict[str, float]:
    os.sync()
    subject.server.go_on()
    try:
        load.run(subject.server.order(picture, size.connections, WARM_UP_S))
        outcome = load.run(subject.server.order(picture, size.connections, size.seconds))
        return {
            _INGEST: outcome.per_s,
            "history, first page, ms": time_ms(lambda: _page(subject.browser, "/history"), 5),
            "dashboard, ms": time_ms(lambda: _page(subject.browser, "/"), 5),
            **{
                f"{name}, ms": value
                for name, value in in_hub(subject.hub.env, "time_queues", times=9).items()
            },
        }
    finally:
        subject.server.pause()


def _page(browser: httpx.Client, path: str) -> None:
    browser.get(path).raise_for_status()


def _figures(results: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    names = list(results)
    base = results[names[0]]
    return [
        {
            "what": what,
            "values": [median(each[what] for each in results[name]) for name in names],
            "ratios": [ratio([e[what] for e in results[name]], [b[what] for b in base]) for name in names],
        }
        for what in base[0]
    ]


def is_flat(figure: dict[str, Any]) -> bool:
    """Tell whether the figure is at most 20 % worse with much work than with little."""
    if figure["what"] == _INGEST:
        return min(figure["ratios"]) >= 1 - FLAT_WITHIN
    return max(figure["ratios"]) <= 1 + FLAT_WITHIN


def report(result: dict[str, Any]) -> str:
    """Return the result as a table; × is relative to the smallest hub."""
    rows = (
        (
            figure["what"],
            *(f"{v:.1f} ({r:.2f} ×)" for v, r in zip(figure["values"], figure["ratios"], strict=True)),
            "yes" if is_flat(figure) else "no",
        )
        for figure in result["figures"]
    )
    return table(("figure", *result["amounts"], "flat within 20 %"), rows)
