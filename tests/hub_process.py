"""A running PhotoHub in its embedded form, as a process of its own, for tests that need the real thing.

    with running_hub() as hub:
        camera = hub.add_device("porch")  # {"code": …, "key": …}
        httpx.post(f"{hub.url}/api/upload/{camera['key']}", content=jpeg)

Each hub has a data folder and free ports of its own, keeps both over a restart, and is stopped at the end. Its first
start finds database and static files made, unless it is asked to make them as a new user's does. In the suite, a hub
begins with its libraries loaded; a new user's and one that is wrapped are started as people start it.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests import prepared
from tests.console import Console
from tests.loaded_process import LoadedProcess, Loader
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
MANAGE = ROOT / "manage.py"
READY_WITHIN_S = 150.0
_INHERITED = re.compile(r"PATH|HOME|LANG|LC_\w+|TMPDIR|TZ|VIRTUAL_ENV|LD_LIBRARY_PATH")


def inherited() -> dict[str, str]:
    """Return what a hub takes from this environment: nothing of the machine's own settings may reach a test."""
    return {name: value for name, value in os.environ.items() if _INHERITED.fullmatch(name)}


def begin(
    arguments: list[str],
    env: dict[str, str],
    stdout: IO,
    stderr: IO,
    wrap: list[str] | None = None,
    *,
    fresh: bool = False,
    program: Path = ROOT,
) -> subprocess.Popen | LoadedProcess:
    """Run manage.py without waiting: with its libraries loaded where the suite has a loader, unless `fresh` or wrapped.

    `program`: the folder of another copy of PhotoHub.
    """
    with open(os.devnull) as nothing:
        if Loader.current is not None and not fresh and not wrap:
            handles = {"stdin": nothing.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
            return Loader.current.start(MANAGE, arguments, env, **handles)
        command = [*(wrap or []), sys.executable, str(program / MANAGE.name), *arguments]
        return subprocess.Popen(command, cwd=program, env=env, stdin=nothing, stdout=stdout, stderr=stderr)


class HubProcess:
    """One embedded hub. `start()` and `kill()` may alternate; data, ports and environment stay."""

    def __init__(
        self,
        data: Path,
        demo: bool = False,
        env: dict[str, str] | None = None,
        wrap: list[str] | None = None,
        *,
        prepared: bool = True,
    ) -> None:
        self.demo = demo
        self.prepared = prepared
        self.http_port, self.mqtt_port, self.stream_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.env = self._environment(data) | (env or {})
        self.data = Path(self.env["PHOTOHUB_DATA"])
        self.wrap = wrap or []
        self.fresh = not prepared  # start it as people do
        self.program = ROOT  # another copy of PhotoHub only where it is started fresh
        self.log_path = data.with_name(f"{data.name}.log")
        self.process: subprocess.Popen | LoadedProcess | None = None
        self.console = Console(self.env)
        self.ready_after_s = 0.0

    def _environment(self, data: Path) -> dict[str, str]:
        return inherited() | {
            "DJANGO_SETTINGS_MODULE": "photohub.settings",
            "PHOTOHUB_NO_BOOTSTRAP": "1",
            "PHOTOHUB_DATA": str(data),
            "PHOTOHUB_HTTP": f"127.0.0.1:{self.http_port}",
            "PHOTOHUB_MQTT": f"127.0.0.1:{self.mqtt_port}",
            "PHOTOHUB_STREAM": f"127.0.0.1:{self.stream_port}",
            "PHOTOHUB_RATE_LIMIT": "off",
            "PHOTOHUB_ADDRESS_RATE": "off",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, **env: str) -> "HubProcess":
        """Start and wait until it answers; `env` holds for this start. Raises RuntimeError with its log."""
        self.launch(**env)
        return self.wait_ready()

    def launch(self, **env: str) -> None:
        """Start without waiting."""
        if self.prepared and not self.data.exists():
            shutil.copytree(prepared.data(), self.data)
        arguments = ["up", *(["--demo"] if self.demo else [])]
        with self.log_path.open("ab") as log:
            options = {"fresh": self.fresh, "program": self.program}
            self.process = begin(arguments, self.env | env, log, log, self.wrap, **options)

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> "HubProcess":
        """Wait until `/healthz` answers 200."""
        begun = time.monotonic()
        while time.monotonic() - begun < within_s:
            if not self.running:
                raise RuntimeError(f"The hub ended while it started.\n{self.log[-3000:]}")
            if self.answers():
                self.ready_after_s = time.monotonic() - begun
                return self
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"The hub was not ready within {within_s} s.\n{self.log[-3000:]}")

    def answers(self) -> bool:
        """Tell whether `/healthz` is answered now."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None, "The hub was not started."
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything that the hub wrote so far, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        if self.running:
            self.process.send_signal(signal.SIGKILL)
        self.wait_ended()

    def terminate(self) -> None:
        """Ask it to stop, and return at once."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)

    def stop(self, within_s: float = 20.0) -> int:
        """Ask it to stop and wait. Returns its exit code: -9 when it did not stop and was killed."""
        self.terminate()
        try:
            return self.wait_ended(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def wait_ended(self, within_s: float = 20.0) -> int:
        """Wait for the end of a hub that dies by itself. Returns its exit code."""
        return self.process.wait(within_s) if self.process is not None else 0

    def run(self, *arguments: str, **env: str) -> str:
        """Run a management command on this hub's data and return what it printed. Raises when it fails."""
        with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as errors:
            code = begin(list(arguments), self.env | env, printed, errors).wait(60)
            for file in (printed, errors):
                file.seek(0)
            if code:
                raise RuntimeError(
                    f"{' '.join(arguments)} ended with {code}.\n{printed.read()}\n{errors.read()}"
                )
            return printed.read()

    def add_device(self, code: str, profile: str = "generic") -> dict[str, str]:
        """Add a device; returns its `code`, `key` and, where the profile has one, `device_secret`."""
        return json.loads(self.console.run("add_device", code, "--profile", profile, "--json"))

    @contextlib.contextmanager
    def sqlite(self) -> Iterator[sqlite3.Connection]:
        """Open the hub's database to read, while it runs or after its end. Rows have names."""
        database = sqlite3.connect(f"file:{self.data / 'photohub.sqlite3'}?mode=ro", uri=True, timeout=10)
        database.row_factory = sqlite3.Row
        try:
            yield database
        finally:
            database.close()

    def rows(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        """Read rows from the hub's database."""
        with self.sqlite() as database:
            return database.execute(query, parameters).fetchall()


@contextlib.contextmanager
def running_hub(
    demo: bool = False,
    env: dict[str, str] | None = None,
    wrap: list[str] | None = None,
    *,
    prepared: bool = True,
) -> Iterator[HubProcess]:
    """Run a hub of its own in a temporary folder, ready to use; it is stopped and removed at the end.

    `env` adds settings; not `prepared`, it makes its database as a new user's does; `wrap` is put before the command,
    for `strace -D` and its like: what stands there must leave the hub our own child, or signals end the wrapper and
    the hub lives on.
    """
    with tempfile.TemporaryDirectory(prefix="photohub-hub-", ignore_cleanup_errors=True) as folder:
        hub = HubProcess(Path(folder) / "data", demo, env, wrap, prepared=prepared)
        try:
            yield hub.start()
        finally:
            hub.console.close()
            hub.stop()
