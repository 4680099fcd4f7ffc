"""One server's turn at sending images: bytes for each second of a core above what it takes at rest, and for each second."""

import time
from dataclasses import asdict
from typing import Any

from benchmarks import fetching
from benchmarks.measuring import median, ratio, spread
from benchmarks.servers import family


def cpu_of(roots: list[int]) -> float:
    """Return the CPU seconds that these processes and all that they started have used."""
    times = [process.cpu_times() for root in roots for process in family(root)]
    return sum(spent.user + spent.system for spent in times)


def rest_share(roots: list[int], seconds: float) -> float:
    """Return the share of a core that these processes take while nobody asks."""
    before_s, begun_s = cpu_of(roots), time.perf_counter()
    time.sleep(seconds)
    return (cpu_of(roots) - before_s) / (time.perf_counter() - begun_s)


def take_turn(roots: list[int], urls: list[str], at_rest: float, at_once: int) -> dict[str, Any]:
    """Let devices fetch these addresses, so many at once."""
    before_s = cpu_of(roots)
    outcome = fetching.run(fetching.Order(urls, at_once))
    cpu_s = max(cpu_of(roots) - before_s - at_rest * outcome.seconds, 0.01)
    return asdict(outcome) | {
        "mb_per_cpu_s": outcome.fetched_bytes / 1e6 / cpu_s,
        "mb_per_s": outcome.fetched_bytes / 1e6 / outcome.seconds,
    }


def row_of(name: str, turns: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of a server's turns, and their ratios to another one's turns in the same rounds."""
    per_core, per_s = ([turn[unit] for turn in turns] for unit in ("mb_per_cpu_s", "mb_per_s"))
    return {
        "server": name,
        "mb_per_cpu_s": median(per_core),
        "ratio": ratio(per_core, [turn["mb_per_cpu_s"] for turn in base]),
        "spread": spread(per_core),
        "mb_per_s": median(per_s),
        "ratio_per_s": ratio(per_s, [turn["mb_per_s"] for turn in base]),
        "p99_ms": median(turn["p99_ms"] for turn in turns),
        "errors": sum(turn["errors"] for turn in turns),
        "rounds": turns,
    }
