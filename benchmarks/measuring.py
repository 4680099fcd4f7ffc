"""Rounds, medians and tables."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def alternate(rounds: int, names: Sequence[str], measure: Callable[[str], T]) -> dict[str, list[T]]:
    """Measure each name once a round, each round beginning with another one. Returns name → results."""
    results: dict[str, list[T]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            results[name].append(measure(name))
    return results


def median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def spread(values: Sequence[float]) -> float:
    """Return how far the middle half of the rounds lies apart, as a share of their median."""
    if len(values) < 2:
        return 0.0
    low, _middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / max(median(values), 1e-9)


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of the rounds' ratios: each is taken within one round, so that noise cancels."""
    return median(value / max(other, 1e-9) for value, other in zip(values, base, strict=True))


def time_ms(function: Callable[[], Any], times: int) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        function()
        taken.append(1000 * (time.perf_counter() - begun))
    return median(taken)


def machine() -> dict[str, Any]:
    """Describe where the figures come from, with how busy the machine is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *([_shown(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
