"""Copying a backlog to object storage: objects a second, beside a plain loop of oss2 puts."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from benchmarks.hubs import in_hub
from benchmarks.load import ROOT
from benchmarks.measuring import alternate, median, ratio, spread, table
from benchmarks.servers import fake_oss, production
from tests.hub_process import running_hub

_DRAINED_WITHIN_S = 180.0
_EMBEDDED = "PhotoHub embedded, its worker with 2 threads"
_PRODUCTION = "PhotoHub production, one worker with 4 threads"
_LOOPS = {2: "plain oss2 loop, 2 threads", 4: "plain oss2 loop, 4 threads"}
# What asking costs, whether the store shows the very bytes, which PhotoHub does for every copy.
_CHECKED = "oss2 loop that looks after each put, 2 threads"


@dataclass(frozen=True)
class Size:
    objects: int
    rounds: int
    picture_bytes: int = 55_000
    production: bool = True


TINY = Size(6, 1, 4_000, production=False)
SHORT = Size(150, 5)
LONG = Size(1_000, 9)


def run(size: Size) -> dict[str, Any]:
    """Let each copy as many pictures, in turns. Returns {"objects", "rows": [...]}."""
    with contextlib.ExitStack() as started:
        settings = started.enter_context(fake_oss())
        envs = {_EMBEDDED: started.enter_context(running_hub(env=settings)).env}
        if size.production:
            envs[_PRODUCTION] = started.enter_context(production(settings)).environment("web")

        def measure(name: str) -> float:
            if name in envs:
                return _drain(envs[name], size)
            threads = next((count for count, loop in _LOOPS.items() if loop == name), 2)
            return _loop(settings, size, threads, checked=name == _CHECKED)

        results = alternate(size.rounds, [*envs, *_LOOPS.values(), _CHECKED], measure)
    base = {_EMBEDDED: results[_LOOPS[2]], _PRODUCTION: results[_LOOPS[4]], _CHECKED: results[_LOOPS[2]]}
    rows = [
        {
            "who": name,
            "per_s": median(rates),
            "ratio": ratio(rates, base.get(name, rates)),
            "spread": spread(rates),
            "rounds": rates,
        }
        for name, rates in results.items()
    ]
    return {"objects": size.objects, "rows": rows}


def _drain(env: dict[str, str], size: Size) -> float:
    """Add a backlog, wait until it is copied, and return the copies a second from first to last."""
    in_hub(env, "forget_copies")
    in_hub(env, "add_backlog", count=size.objects, size_bytes=size.picture_bytes)
    times = in_hub(env, "wait_mirrored", count=size.objects, within_s=_DRAINED_WITHIN_S)
    if len(times) < size.objects:
        raise RuntimeError(f"Only {len(times)} of {size.objects} pictures were copied.")
    return (len(times) - 1) / max(times[-1] - times[0], 1e-6)


def _loop(settings: dict[str, str], size: Size, threads: int, checked: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.peers.oss_loop", folder]
        command += [str(size.objects), str(size.picture_bytes), str(threads), str(int(checked))]
        environment = os.environ | settings
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)


def report(result: dict[str, Any]) -> str:
    """Return the result as a table; the ratio is to the plain loop with as many threads."""
    rows = ((r["who"], r["per_s"], r["ratio"], f"{r['spread']:.0%}") for r in result["rows"])
    return table((f"who copies {result['objects']} pictures", "objects/s", "ratio", "spread"), rows)
