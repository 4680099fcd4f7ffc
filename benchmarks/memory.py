"""How long the embedded hub takes to be ready, what it holds at rest, and whether that grows under load."""

import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import load
from benchmarks.measuring import median, table
from benchmarks.pictures import make_picture
from benchmarks.servers import embedded_server
from tests.hub_process import running_hub

_SAMPLE_EVERY_S = 1.0


@dataclass(frozen=True)
class Size:
    minutes: float
    per_s: float = 30.0
    picture_bytes: int = 60_000
    starts: int = 5
    rest_s: float = 5.0


TINY = Size(0.02, 20.0, 4_000, 1, 0.1)
SHORT = Size(1.0)
LONG = Size(10.0)


def run(size: Size) -> dict[str, Any]:
    """Start a hub several times, let it rest, then load it for some minutes at a fixed pace."""
    with running_hub(prepared=False) as hub, tempfile.TemporaryDirectory() as folder:
        first_start_s, starts_s = hub.ready_after_s, []
        for _ in range(size.starts):
            hub.stop()
            starts_s.append(hub.start().ready_after_s)
        made = hub.add_device("lane", "esp32s3")
        time.sleep(size.rest_s)
        rest_mb = resident_mb(hub.pid)
        picture = Path(folder) / "picture.jpg"
        picture.write_bytes(make_picture(size.picture_bytes))
        order = embedded_server("hub", hub, [made]).order(picture, 16, size.minutes * 60, size.per_s)
        with Sampler(hub.pid) as sampler:
            outcome = load.run(order)
        quarter = max(1, len(sampler.samples_mb) // 4)
        return {
            "first_start_s": first_start_s,
            "start_s": median(starts_s),
            "rest_mb": rest_mb,
            "minutes": size.minutes,
            "pace_per_s": size.per_s,
            "first_quarter_mb": median(sampler.samples_mb[:quarter]),
            "last_quarter_mb": median(sampler.samples_mb[-quarter:]),
            "highest_mb": max(sampler.samples_mb),
            "outcome": asdict(outcome),
        }


def resident_mb(pid: int) -> float:
    """Return how much memory a process and its children hold, in MB (10^6 bytes)."""
    root = psutil.Process(pid)
    return sum(p.memory_info().rss for p in (root, *root.children(recursive=True))) / 1e6


class Sampler:
    """Looks at a process's memory every second until the end of the block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples_mb = [resident_mb(pid)]

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_EVERY_S):
            self.samples_mb.append(resident_mb(self._pid))

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    outcome = result["outcome"]
    pace = f"{result['pace_per_s']:.0f} uploads/s for {result['minutes']:g} min"
    rows = (
        ("ready after the first start (new database)", f"{result['first_start_s']:.1f} s"),
        ("ready after a later start", f"{result['start_s']:.1f} s"),
        ("memory at rest", f"{result['rest_mb']:.0f} MB"),
        (f"memory in the first quarter of {pace}", f"{result['first_quarter_mb']:.0f} MB"),
        ("memory in the last quarter", f"{result['last_quarter_mb']:.0f} MB"),
        ("highest", f"{result['highest_mb']:.0f} MB"),
        (
            "answers meanwhile",
            f"{outcome['stored']} stored, {outcome['errors']} errors, "
            f"p50 {outcome['p50_ms']:.0f} ms, p99 {outcome['p99_ms']:.0f} ms",
        ),
    )
    return table(("figure", "value"), rows)
