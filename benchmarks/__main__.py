"""`python -m benchmarks [PART|all] [--short|--long] [--json FILE]`; `--help` lists the parts."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# The other ends of live views are parts of PhotoHub, which read its settings; its data stays out of it.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
os.environ.setdefault("PHOTOHUB_ENV", "test")

from benchmarks import (
    button,
    firmware,
    firmware_production,
    growth,
    idle,
    ingest,
    live_view,
    memory,
    million,
    mirror,
    nodes,
    oss,
    pages,
    panels,
    schedules,
    stopped_viewers,
    upkeep,
)
from benchmarks.measuring import machine

PARTS = {
    "ingest": ingest,
    "nodes": nodes,
    "oss": oss,
    "mirror": mirror,
    "button": button,
    "panels": panels,
    "growth": growth,
    "million": million,
    "memory": memory,
    "idle": idle,
    "schedules": schedules,
    "pages": pages,
    "live": live_view,
    "stopped": stopped_viewers,
    "firmware": firmware,
    "firmware_production": firmware_production,
    "upkeep": upkeep,
}


def measure(names: list[str], size: str) -> dict[str, Any]:
    """Run these parts and print each one's table as it is done."""
    results: dict[str, Any] = {"machine": machine(), "size": size, "parts": {}}
    print(
        "machine: " + ", ".join(f"{name} {value}" for name, value in results["machine"].items()), flush=True
    )
    for name in names:
        begun_s, load_before = time.monotonic(), os.getloadavg()[0]
        result = PARTS[name].run(getattr(PARTS[name], size.upper()))
        result["took_s"] = round(time.monotonic() - begun_s)
        result["load_average"] = [round(load_before, 1), round(os.getloadavg()[0], 1)]
        results["parts"][name] = result
        before, after = result["load_average"]
        print(f"\n## {name} ({result['took_s']} s; load average {before} before, {after} after)\n")
        print(PARTS[name].report(result), flush=True)
    return results


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure PhotoHub beside its peers."
    )
    parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--short", dest="size", action="store_const", const="short", default="short")
    size.add_argument("--long", dest="size", action="store_const", const="long")
    size.add_argument(
        "--tiny", dest="size", action="store_const", const="tiny", help="only to see that it runs"
    )
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    options = parser.parse_args(arguments)
    names = list(PARTS) if options.part == "all" else [options.part]
    results = measure(names, options.size)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
