"""The embedded hub under fire: what the fault tests share."""

import contextlib
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tests.faults.ledger import Ledger, compare
from tests.hub_process import READY_WITHIN_S, ROOT, HubProcess, running_hub

SOURCES = ("photohub", "media_pipeline", "devices")
CAPTURES = "SELECT id, name, sha256, path FROM media_pipeline_capture"
_HIT = re.compile(r'failpoints\.hit\("([a-z_.]+)"\)')


def failpoints_in_source() -> set[str]:
    """Return the names of all failpoints that the programs have."""
    files = (path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))
    return {point for path in files for point in _HIT.findall(path.read_text())}


@contextlib.contextmanager
def hub_with_camera(
    env: dict[str, str] | None = None, wrap: list[str] | None = None
) -> Iterator[tuple[HubProcess, Ledger]]:
    """Run a hub with one camera that keeps a ledger."""
    with running_hub(env=env, wrap=wrap) as hub:
        camera = hub.add_device("porch")
        yield hub, Ledger(hub.url, camera["key"])


@contextlib.contextmanager
def traced(hub: HubProcess, *options: str) -> Iterator[None]:
    """Run strace with these options on a hub that runs, on all its threads, while the block lasts."""
    with tempfile.TemporaryFile("w+") as said:
        strace = subprocess.Popen(["strace", "-f", "-p", str(hub.pid), *options], stderr=said)
        try:
            wait_until(lambda: "attached" in read(said), 60, "strace is attached", lambda: read(said))
            yield
        finally:
            strace.terminate()
            strace.wait(20)


def read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def check(hub: HubProcess, ledger: Ledger) -> list[Path]:
    """Compare ledger and hub, send again what was unknown, compare again. Returns files without a row."""
    compare(ledger, hub.rows(CAPTURES), hub.data / "pictures")
    ledger.replay_unknown()
    return compare(ledger, hub.rows(CAPTURES), hub.data / "pictures")


def assert_killed_at(hub: HubProcess, point: str, within_s: float = 30) -> None:
    """Wait until the hub has killed itself at this failpoint; its start has a time of its own."""
    wait_until(
        lambda: not hub.running or hub.answers(), READY_WITHIN_S, "the hub answers", lambda: hub.log[-3000:]
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        hub.wait_ended(within_s)
    code = hub.process.poll()
    assert code == -signal.SIGKILL, f"Nothing came by at {point} (exit {code}).\n{hub.log[-3000:]}"


def wait_until(
    condition: Callable[[], object], within_s: float, what: str, instead: Callable[[], object] = str
) -> None:
    """Wait until something is true, or fail with a sentence and with what is `instead` in the end."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"Not within {within_s} s: {what}. {instead()}"
        time.sleep(0.05)


def change(hub: HubProcess, statement: str) -> None:
    """Change rows behind the hub's back, to let time pass for them."""
    with contextlib.closing(sqlite3.connect(hub.data / "photohub.sqlite3", timeout=20)) as database, database:
        database.execute(statement)


def let_an_hour_pass(hub: HubProcess) -> None:
    """Make everything due that a row waits for: leases, pauses, the patience with a thumbnail."""
    past = "datetime('now', '-1 hour')"
    change(hub, f"UPDATE media_pipeline_ossobject SET lease_until={past}, next_try_at={past}")
    change(hub, "UPDATE media_pipeline_capture SET received_at=datetime('now', '-50 minutes')")
    change(hub, f"UPDATE media_pipeline_capture SET publish_next_try_at={past} WHERE publish_state='pending'")
    change(hub, f"UPDATE media_pipeline_removal SET next_try_at={past}")


def mirror_states(hub: HubProcess) -> dict[str, int]:
    """Return how many pictures are in each state of the mirror."""
    rows = hub.rows("SELECT state, count(*) AS number FROM media_pipeline_ossobject GROUP BY state")
    return {row["state"]: row["number"] for row in rows}


def incoming(hub: HubProcess) -> list[Path]:
    """Return the temporary files of pictures on their way."""
    return list((hub.data / "incoming").iterdir())
