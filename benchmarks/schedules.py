"""What many schedules cost the embedded hub: while none is due, and while each asks its camera once an hour.

The cameras are known and away, so each run waits for its camera and ends with a reason, as that of a camera that sleeps.
"""

import time
from dataclasses import dataclass
from typing import Any

from benchmarks import idle
from benchmarks.measuring import table
from tests.hub_process import HubProcess, running_hub

_FILL = """
from django.utils import timezone
from devices.registry.models import Device, LinkState
from devices.schedules.models import Schedule
from devices.schedules.planning import keep_in_step, plan_row
now = timezone.now()
kept = dict(profile="generic", link_state=LinkState.LOST, link_changed_at=now, last_seen_at=now)
cameras = [Device(code=f"c-{n}", name=f"c-{n}", command_topic=f"c/{n}", **kept) for n in range({count})]
Device.objects.bulk_create(cameras)
made = [Schedule(name=d.code, device=d, **values) for n, d in enumerate(cameras) for values in [{values}]]
for row in made:
    plan_row(row, now)
Schedule.objects.bulk_create(made)
keep_in_step()
"""
# Half a day away, so that none is due while it is measured; and at each minute of the hour as many as at any other.
_RESTING = 'dict(kind="times", times=[f"{(now.hour + 12) % 24:02}:00"])'
_HOURLY = 'dict(every_min=60, from_at=f"00:{n % 60:02}", until_at=f"23:{n % 60:02}")'


@dataclass(frozen=True)
class Size:
    watched: idle.Size
    schedules: int


TINY = Size(idle.Size(0.2, 1.0, 1), 20)
SHORT = Size(idle.Size(25.0, 120.0, 1), 10_000)
LONG = Size(idle.Size(90.0, 600.0, 1), 10_000)


def run(size: Size) -> dict[str, Any]:
    """Watch a hub without schedules, then with many that rest, then with as many of which some are due at each minute."""
    kinds = {"none": "", "resting": _RESTING, "hourly": _HOURLY}
    watched = {name: _watch(size, values) for name, values in kinds.items()}
    return {"schedules": size.schedules, "seconds": size.watched.seconds, **watched}


def _watch(size: Size, values: str) -> dict[str, float]:
    with running_hub(prepared=False) as hub:
        # As many cameras without a schedule: what they cost by being known is no schedule's.
        fill = _FILL.replace("{count}", str(size.schedules)).replace("{values}", values or "{}")
        _run(hub, fill if values else fill.replace("for values in [{}]", "for values in []"))
        hub.stop()
        hub.start()
        before, begun_s = _runs(hub), time.monotonic()
        taken = idle.watch(hub, size.watched)
        return taken | {"runs_a_minute": (_runs(hub) - before) * 60 / (time.monotonic() - begun_s)}


def _runs(hub: HubProcess) -> int:
    told = _run(hub, "from devices.schedules.models import ScheduledRun; print(ScheduledRun.objects.count())")
    return int(told.split()[-1])


def _run(hub: HubProcess, code: str) -> str:
    return hub.console.run("shell", "--no-imports", "-c", code)


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    rows = [
        ("processor, % of a core", "cpu_percent"),
        ("given to the disk, kB a minute", "written_kb"),
        ("memory (RSS), MB", "rss_mb"),
        ("runs a minute", "runs_a_minute"),
    ]
    kinds = ("none", "resting", "hourly")
    shown = [(title, *(result[kind][key] for kind in kinds)) for title, key in rows]
    count = f"{result['schedules']:,}"
    return table(("figure", "no schedules", f"{count} at rest", f"{count} once an hour"), shown)
