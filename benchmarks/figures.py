"""Write measured figures into docs/performance.md: `python -m benchmarks.figures out.json [more.json …]`.

Below the marker a part's figures are replaced when it was measured; of a part in several files the last one counts.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# Parts of PhotoHub that are measured read its settings.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
os.environ.setdefault("PHOTOHUB_ENV", "test")

from benchmarks import (
    button,
    firmware,
    firmware_production,
    growth,
    idle,
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
from benchmarks.load import ROOT
from benchmarks.measuring import table

PAGE = ROOT / "docs" / "performance.md"
MARKER = "<!-- Below: written by python -m benchmarks.figures -->\n"

_PARTS = (
    ("nodes", "Several machines", nodes.report),
    ("oss", "When object storage is slow", oss.report),
    ("mirror", "Copying a backlog", mirror.report),
    ("button", "Button to tile", button.report),
    ("panels", "Pictures to panels", panels.report),
    ("growth", "Growth", growth.report),
    ("million", "A million pictures", million.report),
    ("memory", "Memory and start", memory.report),
    ("idle", "At rest", idle.report),
    ("schedules", "Schedules", schedules.report),
    ("pages", "Pages", pages.report),
    ("live", "Live view", live_view.report),
    ("stopped", "Viewers that stopped", stopped_viewers.report),
    ("firmware", "Firmware to many devices", firmware.report),
    ("firmware_production", "Firmware through nginx", firmware_production.report),
    ("upkeep", "Upkeep", upkeep.report),
)
_NOTES = {
    "nodes": (
        "Machines of one hub on one host, uploads straight to each; PostgreSQL, Redis, the bucket and the sender share "
        "the rest of the processor with them. *Of one, each* is what each machine adds, of what one alone takes; the "
        "promise is 0.8 until PostgreSQL is the limit. What PostgreSQL is at was looked up in `pg_stat_activity` fifty "
        "times a second. From a button to its tile was not measured with several machines: one gateway has a camera, "
        "however many there are."
    ),
    "oss": (
        "PhotoHub answers once the picture is durable here; the copy is made afterwards. A copy inside the request "
        "makes the camera wait as long as the object storage takes; when that is nothing, it is faster than "
        "PhotoHub, because it neither syncs nor keeps rows."
    ),
    "mirror": (
        "Both use the same fake object storage; the ratio is to the loop with as many threads. The loop reads and "
        "puts. PhotoHub also claims the rows, checks each file's SHA-256 before it goes, looks whether the store shows "
        "it, records the copies durably and tells live pages."
    ),
    "button": (
        "The whole also makes the command and the picture's rows durable. The parts go through the same broker and "
        "the same client libraries."
    ),
    "panels": (
        "A picture of 55,722 bytes, as it is. The bare ping-pong sends as many packets and looks at no answer. The "
        "published sender looks once a second whether it is done, and leaves the last packet out."
    ),
    "growth": "× is relative to the first column, taken within each round.",
    "million": (
        "Asked within a process of the hub, by an owner and by somebody who may see three groups of a hundred. *Flat* is "
        "a median of the database's share that is at most 30 % larger than with the fewest pictures, or 3 ms."
    ),
    "memory": "The embedded hub, everything in its one process.",
    "idle": (
        "The embedded hub after a restart. Connected cameras send nothing but their PINGREQ once a minute. *Ready again* is from "
        "the start of the program until `/readyz` says that database, broker, worker and disk are there; *no bytecode*: of a "
        "copy that may not write any beside itself, the second time."
    ),
    "schedules": (
        "The embedded hub with as many cameras that are known and away. *At rest*: no schedule is due while it is watched. "
        "*Once an hour*: each has a minute of its own; its run waits for the camera to connect, and ends with its reason."
    ),
    "pages": (
        "The embedded hub on SQLite, with the pictures of 90 days. Processor time is that of the whole process for one answer, "
        "without what it takes at rest; a small computer takes several times as long. Files are what a browser fetches "
        "once and then keeps."
    ),
    "live": (
        "One camera sends frames of 55 kB; the age of a frame is from its sending to its whole arrival at the viewer. "
        "CPU is the server's for each frame that a viewer got, so what a frame costs once (finding its end, seeing "
        "that it is a JPEG, the server's own clock) weighs on few viewers and not on many; *added* is without what the "
        "server takes while nobody looks. The fan-out does none of this, knows no rights, and grows behind a viewer "
        "that does not read."
    ),
    "stopped": "The p99 ratio is to the same round with nobody looking.",
    "firmware": (
        "Each download is a device's first: PhotoHub looks its token up, looks whether the file is still the proved one, and "
        "writes down that it was fetched; nginx sends a file. The ratio is that of bytes for each second of a core, above "
        "what the server takes at rest. When all devices ask in one moment, most are told to come again in 2 to 10 s, so "
        "that at most 20 are served at a time."
    ),
    "firmware_production": (
        "Sixteen devices fetch at a time, each for the first time, from the whole production form on this machine, with one "
        "worker of nginx. Processor time is that of all its services, above what they take at rest. nginx has its copy of the "
        "image before. The camera's ratio is the median of those of the rounds."
    ),
    "upkeep": (
        "The hub's own worker empties the trash and removes a device while pictures come; the longest transaction is that of a "
        "process of its own, from when it may write to its commit, and so long an upload may wait for it. Files are names "
        "of a few files, so what a disk takes to free their space is not in it."
    ),
}


def figures(results: list[dict[str, Any]], before: str = "") -> str:
    """Return the figures of these runs as Markdown; those of parts that were not measured stay as they were before."""
    parts = {name: part for result in results for name, part in result["parts"].items()}
    machine = results[-1]["machine"]
    lines = [
        "## Figures of one machine",
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']:.0f} GB, {machine['system']}, "
        f"Python {machine['python']}. Beside each heading is the load average before and after: above the number of "
        "cores, other programs had their share of the machine, and only ratios are worth remembering.",
    ]
    if "ingest" in parts:
        lines += [f"### Durable ingest {_load(parts['ingest'])}", *_ingest(parts["ingest"]["cells"])]
    else:
        lines += _kept(before, "Durable ingest")
    for name, title, report in _PARTS:
        if name in parts:
            lines += [f"### {title} {_load(parts[name])}", report(parts[name]), _NOTES[name]]
        else:
            lines += _kept(before, title)
    return "\n\n".join(lines) + "\n"


def _kept(before: str, title: str) -> list[str]:
    """Return the section of this title, as it stands on the page."""
    sections = before.split("\n### ")[1:]
    return [f"### {section.strip()}" for section in sections if section.startswith(f"{title} (")]


def _load(part: dict[str, Any]) -> str:
    before, after = part["load_average"]
    return f"(load {before:g}, {after:g})"


def _ingest(cells: list[dict[str, Any]]) -> list[str]:
    errors, sender = sum(c["errors"] for c in cells), max(c["generator_cpu"] for c in cells)
    rounds = len(cells[0]["rounds"])
    return [
        f"Columns are picture size × connections. Medians of {rounds} rounds; {errors} errors; the sender took at "
        f"most {sender:.0%} of a core. The ratio to bare Starlette with as many processes:",
        _wide(cells, lambda c: f"{c['ratio']:.2f}"),
        "Pictures a second, and how far the middle half of the rounds lies apart:",
        _wide(cells, lambda c: f"{c['per_s']:.0f} ±{c['spread'] / 2:.0%}"),
        "Answer time, median / 99 %, ms:",
        _wide(cells, lambda c: f"{c['p50_ms']:.0f} / {c['p99_ms']:.0f}"),
    ]


def _wide(cells: list[dict[str, Any]], shown) -> str:
    columns = sorted({(c["picture_bytes"], c["connections"]) for c in cells})
    servers = list(dict.fromkeys(c["server"] for c in cells))
    found = {(c["server"], c["picture_bytes"], c["connections"]): shown(c) for c in cells}
    head = ["server", *(f"{size // 1000} kB × {connections}" for size, connections in columns)]
    return table(head, ([server, *(found[server, *column] for column in columns)] for server in servers))


def main(names: list[str]) -> None:
    prose, _, before = PAGE.read_text().partition(MARKER)
    results = [json.loads(Path(name).read_text()) for name in names]
    PAGE.write_text(prose + MARKER + "\n" + figures(results, before))


if __name__ == "__main__":
    main(sys.argv[1:])
