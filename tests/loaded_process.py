"""Hubs and commands that begin with Django and PhotoHub imported, for a suite that starts hundreds of them.

For each form of the hub (embedded, production) one process, the loader, imports libraries and PhotoHub under settings of
its own, and then forks once for each program (tests/loaded_fork.py). Three quarters of a start are saved.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Settings of the loaders, whose folders are temporary. Those of most hubs of the suite, as far as imports read them.
_QUIET = {"PHOTOHUB_RATE_LIMIT": "off", "PHOTOHUB_ADDRESS_RATE": "off", "PHOTOHUB_NO_BOOTSTRAP": "1"}
FORMS = {
    "embedded": _QUIET,
    "production": _QUIET
    | {
        "PHOTOHUB_ENV": "production",
        "DATABASE_URL": "postgres://photohub@127.0.0.1:1/photohub",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PHOTOHUB_MQTT_URL": "mqtt://hub:hub@127.0.0.1:1",
        "PHOTOHUB_URL": "http://127.0.0.1:1",
    },
}
LARGEST = 1 << 16


class LoadedProcess:
    """The process of a program, with as much of `subprocess.Popen` as is needed here."""

    def __init__(self, loader: "FormLoader", pid: int) -> None:
        self._loader = loader
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        return self._loader.codes().get(self.pid)

    def poll(self) -> int | None:
        """Return the exit code, -9 for SIGKILL, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        deadline_s = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while (code := self.returncode) is None:
            if time.monotonic() > deadline_s:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Loader:
    """A loader for each form, from the first `start()` of that form on. `current` is the suite's."""

    current: "Loader | None" = None

    def __init__(self) -> None:
        self._of_forms = {form: FormLoader(form) for form in FORMS}

    def start(
        self, program: Path, arguments: list[str], env: dict[str, str], **options: Any
    ) -> LoadedProcess:
        """Run a file of Python: see `FormLoader.start`."""
        form = env.get("PHOTOHUB_ENV", "embedded")
        return self._of_forms.get(form, self._of_forms["embedded"]).start(program, arguments, env, **options)

    def close(self) -> None:
        """End the loaders and what still runs of them; one that has started nothing never began."""
        for one in self._of_forms.values():
            one.close()


class FormLoader:
    """The process that has everything imported as one form does, from the first `start()` on."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._codes: dict[int, int] = {}

    def _begin(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Unbuffered as the hubs are, whose own environment comes too late for that; nothing else may reach a library.
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env = (
            kept
            | FORMS[self._form]
            | {"PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "photohub.settings"}
        )
        command = [sys.executable, "-m", "tests.loaded_fork", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[theirs.fileno()])

    def start(
        self,
        program: Path,
        arguments: list[str],
        env: dict[str, str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        leads_a_group: bool = False,
    ) -> LoadedProcess:
        """Run a file of Python with these arguments, in exactly this environment, with these descriptors.

        One that leads a process group can be ended with everything that it starts.
        """
        order = {"program": str(program), "arguments": arguments, "env": env, "leads_a_group": leads_a_group}
        with self._lock:
            if self._socket is None:
                self._begin()
            socket.send_fds(self._socket, [json.dumps(order).encode()], [stdin, stdout, stderr])
            while "code" in (said := self._receive()):
                self._codes[said["pid"]] = said["code"]
            # The number may have been another's before.
            self._codes.pop(said["pid"], None)
        return LoadedProcess(self, said["pid"])

    def codes(self) -> dict[int, int]:
        """Return the exit codes of the processes that have ended."""
        with self._lock:
            with contextlib.suppress(BlockingIOError):
                while True:
                    said = self._receive(socket.MSG_DONTWAIT)
                    self._codes[said["pid"]] = said["code"]
            return self._codes

    def _receive(self, flags: int = 0) -> dict[str, int]:
        message = self._socket.recv(LARGEST, flags)
        if not message:
            raise RuntimeError(f"The loader has ended with {self._process.wait(5)}.")
        return json.loads(message)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._process.wait(10)
            self._socket = self._process = None
