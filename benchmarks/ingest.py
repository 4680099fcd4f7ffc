"""Durable ingest: pictures a second, beside servers that do less."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.measuring import alternate, median, ratio, spread, table
from benchmarks.pictures import make_picture
from benchmarks.servers import (
    Server,
    asgi_peer,
    embedded_server,
    flask_peer,
    nginx_peer,
    production,
    production_server,
)
from tests.hub_process import running_hub

WARM_UP_S = 0.25
_BARE = "bare Starlette + fsync"


@dataclass(frozen=True)
class Size:
    """How much is measured. Not `whole`, there is one hub beside the two peers of one process."""

    picture_bytes: tuple[int, ...]
    connections: tuple[int, ...]
    rounds: int
    seconds: float
    whole: bool = True


TINY = Size((4_000,), (2,), 1, 0.2, whole=False)
SHORT = Size((55_000, 300_000), (1, 16, 64), 5, 1.0)
LONG = Size((55_000, 300_000), (1, 16, 64), 9, 4.0)


def run(size: Size) -> dict[str, Any]:
    """Measure every server with every size and number of connections. Returns {"cells": [...]}."""
    cells = []
    with contextlib.ExitStack() as started, tempfile.TemporaryDirectory() as folder:
        servers = {server.name: server for server in _start(started, size)}
        for server in servers.values():
            server.pause()
            started.callback(server.go_on)
        for picture_bytes in size.picture_bytes:
            picture = Path(folder) / f"{picture_bytes}.jpg"
            picture.write_bytes(make_picture(picture_bytes))
            for connections in size.connections:
                cells += _measure_cell(servers, picture, connections, size)
    return {"cells": cells}


def _start(started: contextlib.ExitStack, size: Size) -> Iterator[Server]:
    yield started.enter_context(asgi_peer(f"{_BARE}, 1 process", "bare_starlette", 1))
    for profile in ("esp32s3", "generic") if size.whole else ("esp32s3",):
        hub = started.enter_context(running_hub())
        yield embedded_server(f"PhotoHub embedded, {profile}", hub, [hub.add_device("lane", profile)])
    yield started.enter_context(asgi_peer("least with file and row, 1 process", "two_waits", 1))
    if size.whole:
        yield from _start_processes(started)


def _start_processes(started: contextlib.ExitStack) -> Iterator[Server]:
    """Start what has two processes."""
    yield started.enter_context(asgi_peer(f"{_BARE}, 2 processes", "bare_starlette", 2))
    stack = started.enter_context(production())
    made = stack.add_device("lane", "esp32s3")
    yield production_server("PhotoHub production, esp32s3", stack, made, behind_nginx=False)
    yield production_server("PhotoHub production, behind nginx", stack, made, behind_nginx=True)
    yield started.enter_context(flask_peer())
    yield started.enter_context(nginx_peer())


def _measure_cell(
    servers: dict[str, Server], picture: Path, connections: int, size: Size
) -> list[dict[str, Any]]:
    def measure(name: str) -> load.Outcome:
        return take_turn(servers[name], picture, connections, size.seconds)

    results = alternate(size.rounds, list(servers), measure)
    rates = {name: [outcome.per_s for outcome in outcomes] for name, outcomes in results.items()}
    return [
        _cell(server, results[name], rates[name], rates[_base_of(server)], int(picture.stem), connections)
        for name, server in servers.items()
    ]


def take_turn(server: Server, picture: Path, connections: int, seconds: float) -> load.Outcome:
    """Measure one server while all others are paused. What others have left to write is written before."""
    os.sync()
    server.go_on()
    try:
        load.run(server.order(picture, connections, WARM_UP_S))
        return load.run(server.order(picture, connections, seconds))
    finally:
        server.pause()
        server.clear()


def _base_of(server: Server) -> str:
    return f"{_BARE}, 1 process" if server.processes == 1 else f"{_BARE}, 2 processes"


def _cell(
    server: Server,
    outcomes: list[load.Outcome],
    rates: list[float],
    base: list[float],
    picture_bytes: int,
    connections: int,
) -> dict[str, Any]:
    return {
        "server": server.name,
        "processes": server.processes,
        "picture_bytes": picture_bytes,
        "connections": connections,
        "per_s": median(rates),
        "ratio": ratio(rates, base),
        "spread": spread(rates),
        "p50_ms": median(o.p50_ms for o in outcomes),
        "p99_ms": median(o.p99_ms for o in outcomes),
        "errors": sum(o.errors for o in outcomes),
        "generator_cpu": median(o.generator_cpu for o in outcomes),
        "rounds": [asdict(o) for o in outcomes],
    }


def report(result: dict[str, Any]) -> str:
    """Return the result as a table; the ratio is to bare Starlette with as many processes."""
    head = (
        "kB",
        "connections",
        "server",
        "pictures/s",
        "ratio",
        "spread",
        "p50 ms",
        "p99 ms",
        "errors",
        "sender's CPU",
    )
    rows = (
        (
            c["picture_bytes"] // 1000,
            c["connections"],
            c["server"],
            c["per_s"],
            c["ratio"],
            f"{c['spread']:.0%}",
            c["p50_ms"],
            c["p99_ms"],
            c["errors"],
            f"{c['generator_cpu']:.0%}",
        )
        for c in result["cells"]
    )
    return table(head, rows)
