"""What the embedded hub takes while nothing happens, and how soon it is ready again after a restart.

Twice: with cameras that are known and silent, and with as many that are connected to its broker and silent.
"""

import contextlib
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from benchmarks.load import ROOT
from benchmarks.measuring import median, table
from tests.hub_process import HubProcess, running_hub

_READY_WITHIN_S = 60.0
_CONNECTED_WITHIN_S = 10.0
_KEEPALIVE_S = 60
_CODE = ("devices", "media_pipeline", "photohub", "simulators")
_NEEDED = (*_CODE, "manage.py", "locale", "static", "templates")


@dataclass(frozen=True)
class Size:
    quiet_s: float
    seconds: float
    starts: int
    cameras: int = 10


TINY = Size(0.2, 1.0, 1, 2)
SHORT = Size(25.0, 60.0, 3)
LONG = Size(90.0, 600.0, 7)


@dataclass(frozen=True)
class Taken:
    """What a process had taken so far: seconds of a core, bytes given to the disk, changes of thread."""

    cpu_s: float
    written_bytes: int
    wakeups: int


def run(size: Size) -> dict[str, Any]:
    """Watch a hub at rest, then with cameras connected, then start it again and again with and without bytecode."""
    with running_hub(prepared=False) as hub:
        made = [hub.add_device(f"porch-{n}", "esp32s3") for n in range(size.cameras)]
        # The first start makes the database, and keeps what it had loaded for that.
        hub.stop()
        hub.start()
        known = watch(hub, size)
        with connected(hub, made):
            silent = watch(hub, size)
        hub.stop()
        starts = {
            "bytecode": [ready_after_s(hub) for _ in range(size.starts)],
            "no_bytecode": _starts_without_bytecode(hub, size.starts),
        }
    return {"seconds": size.seconds, "cameras": size.cameras, "known": known, "connected": silent} | {
        "starts_s": starts
    }


def watch(hub: HubProcess, size: Size) -> dict[str, float]:
    """Wait until the hub is quiet, and return what it takes for a while, reckoned for one minute."""
    time.sleep(size.quiet_s)
    before, files_before, begun_s = taken(hub.pid), _bytes_in(hub.data), time.monotonic()
    time.sleep(size.seconds)
    after, passed_s = taken(hub.pid), time.monotonic() - begun_s
    per_minute = 60 / passed_s
    return {
        "cpu_percent": 100 * (after.cpu_s - before.cpu_s) / passed_s,
        "written_kb": (after.written_bytes - before.written_bytes) / 1000 * per_minute,
        "grown_kb": (_bytes_in(hub.data) - files_before) / 1000 * per_minute,
        "wakeups": (after.wakeups - before.wakeups) * per_minute,
        **_memory_mb(hub.pid),
    }


def taken(pid: int) -> Taken:
    """Add up what all threads of a process took, by the kernel's own count."""
    cpu_ns = wakeups = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end while it is looked at.
        with contextlib.suppress(OSError):
            cpu_ns += int((task / "schedstat").read_text().split()[0])
            wakeups += sum(int(value) for name, value in _fields(task / "status") if "ctxt_switches" in name)
    written = dict(_fields(Path(f"/proc/{pid}/io")))["write_bytes"]
    return Taken(cpu_ns / 1e9, int(written), wakeups)


def _fields(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text().splitlines():
        name, _, value = line.partition(":")
        yield name, value.strip()


def _memory_mb(pid: int) -> dict[str, float]:
    fields = dict(_fields(Path(f"/proc/{pid}/smaps_rollup")))
    return {f"{name.lower()}_mb": int(fields[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss")}


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def connected(hub: HubProcess, cameras: list[dict[str, str]]) -> Iterator[None]:
    """Connect these cameras to the hub's broker; they listen and say nothing but their PINGREQ."""
    clients = [_client(hub, camera) for camera in cameras]
    try:
        deadline_s = time.monotonic() + _CONNECTED_WITHIN_S
        while not all(client.is_connected() for client in clients):
            if time.monotonic() > deadline_s:
                raise RuntimeError("The cameras could not connect to the hub.")
            time.sleep(0.05)
        yield
    finally:
        for client in clients:
            client.disconnect()
            client.loop_stop()


def _client(hub: HubProcess, camera: dict[str, str]) -> paho.Client:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=camera["code"])
    client.username_pw_set(camera["code"], camera["key"])
    client.connect("127.0.0.1", hub.mqtt_port, _KEEPALIVE_S)
    client.loop_start()
    return client


def ready_after_s(hub: HubProcess, **env: str) -> float:
    """Start the hub, wait until `/readyz` says that all is there, and stop it. Returns the seconds from exec to then."""
    begun_s = time.monotonic()
    hub.launch(**env)
    try:
        while time.monotonic() - begun_s < _READY_WITHIN_S:
            if not hub.running:
                break
            if _is_ready(hub.url):
                return time.monotonic() - begun_s
            time.sleep(0.01)
    finally:
        hub.stop()
    raise RuntimeError(f"The hub was not ready.\n{hub.log[-3000:]}")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _starts_without_bytecode(hub: HubProcess, starts: int) -> list[float]:
    """Start a copy of the program that has no bytecode and may write none beside it, again after a first time."""
    with tempfile.TemporaryDirectory(prefix="photohub-copy-") as folder:
        copy = Path(folder)
        for name in _NEEDED:
            _copy(ROOT / name, copy / name)
        os.symlink(ROOT / "node_modules", copy / "node_modules")
        hub.program = copy
        forbidden = {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": f"{folder}/cache"}
        ready_after_s(hub, **forbidden)
        return [ready_after_s(hub, **forbidden) for _ in range(starts)]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def report(result: dict[str, Any]) -> str:
    """Return the result as a table."""
    cameras = result["cameras"]
    rows = [
        ("processor, % of a core", "cpu_percent"),
        ("given to the disk, kB a minute", "written_kb"),
        ("growth of the data folder, kB a minute", "grown_kb"),
        ("changes of thread a minute", "wakeups"),
        ("memory (RSS), MB", "rss_mb"),
        ("memory (PSS), MB", "pss_mb"),
    ]
    shown = [(title, result["known"][key], result["connected"][key]) for title, key in rows]
    for name, title in (("bytecode", "ready again, s"), ("no_bytecode", "ready again, no bytecode, s")):
        shown.append((title, median(result["starts_s"][name]), ""))
    return table(("figure", f"{cameras} cameras known", f"{cameras} connected over MQTT"), shown)
