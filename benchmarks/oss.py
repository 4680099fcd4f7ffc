"""How long a camera waits when object storage is slow: PhotoHub, and a copy inside the request."""

import contextlib
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.ingest import take_turn
from benchmarks.measuring import alternate, median, table
from benchmarks.pictures import make_picture
from benchmarks.servers import asgi_peer, embedded_server, fake_oss
from tests.hub_process import running_hub


@dataclass(frozen=True)
class Size:
    latencies_ms: tuple[int, ...]
    rounds: int
    seconds: float
    connections: int = 4
    picture_bytes: int = 55_000


TINY = Size((50,), 1, 0.3, 2, 4_000)
SHORT = Size((0, 50, 500), 5, 2.0)
LONG = Size((0, 50, 500), 9, 5.0)


def run(size: Size) -> dict[str, Any]:
    """Measure both with each latency. Returns {"cells": [...]}."""
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(make_picture(size.picture_bytes))
        for latency_ms in size.latencies_ms:
            cells += _with_latency(latency_ms, picture, size)
    return {"connections": size.connections, "cells": cells}


def _with_latency(latency_ms: int, picture: Path, size: Size) -> list[dict[str, Any]]:
    with contextlib.ExitStack() as started:
        settings = started.enter_context(fake_oss(latency_ms / 1000))
        hub = started.enter_context(running_hub(env=settings))
        made = hub.add_device("lane", "esp32s3")
        peer = asgi_peer("Starlette + oss2 inside the request", "oss_in_request", env=settings)
        servers = [embedded_server("PhotoHub embedded", hub, [made]), started.enter_context(peer)]
        by_name = {server.name: server for server in servers}
        for server in servers:
            server.pause()
            started.callback(server.go_on)
        results = alternate(
            size.rounds,
            list(by_name),
            lambda name: take_turn(by_name[name], picture, size.connections, size.seconds),
        )
    return [
        {
            "latency_ms": latency_ms,
            "server": name,
            "p50_ms": median(o.p50_ms for o in outcomes),
            "p99_ms": median(o.p99_ms for o in outcomes),
            "per_s": median(o.per_s for o in outcomes),
            "errors": sum(o.errors for o in outcomes),
            "rounds": [asdict(o) for o in outcomes],
        }
        for name, outcomes in results.items()
    ]


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    head = ("OSS takes, ms", "server", "answer p50 ms", "answer p99 ms", "pictures/s", "errors")
    keys = ("latency_ms", "server", "p50_ms", "p99_ms", "per_s", "errors")
    return table(head, ([cell[key] for key in keys] for cell in result["cells"]))
