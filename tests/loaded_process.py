"""Hubs and commands that begin with their libraries loaded, for a suite that starts hundreds of them.

One process, the loader, imports libraries that do not look at settings, and then forks once for each hub. The fork
takes arguments and environment and runs its program from the first line: everything of PhotoHub's own, and what reads
settings, it loads itself. Half of the time until a hub is ready is saved.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# What the start of a hub spends most of its time on, as far as it asks for no settings.
LIBRARIES = """
    PIL.Image PIL.ImageFont PIL.ImageOps aiomqtt babel.messages.mofile celery.app.amqp celery.app.control
    celery.apps.worker celery.beat celery.concurrency.thread celery.utils.debug channels.generic.http channels.layers
    channels.routing cryptography.hazmat.primitives.asymmetric.ed25519 django.contrib.messages.storage.fallback
    django.contrib.postgres.fields django.core.cache django.core.management django.db.backends.sqlite3.base
    django.db.models django.forms django.http.multipartparser django.template.loader django.test.client
    django.views.generic email.mime.text kombu.transport.memory psutil psycopg pydantic.networks redis.asyncio
    servestatic structlog uvicorn.protocols.http.httptools_impl uvloop
""".split()
LARGEST = 1 << 16


class LoadedProcess:
    """The process of a program, with as much of `subprocess.Popen` as is needed here."""

    def __init__(self, loader: "Loader", pid: int) -> None:
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
    """The process that has loaded the libraries, from the first `start()` on. `current` is the suite's."""

    current: "Loader | None" = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._codes: dict[int, int] = {}

    def _begin(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Unbuffered as the hubs are, whose own environment comes too late for that; nothing else may reach a library.
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = [sys.executable, __file__, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=kept | {"PYTHONUNBUFFERED": "1"}, pass_fds=[theirs.fileno()]
            )

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
        """End the loader and what still runs of it; one that has started nothing never began."""
        if self._socket is not None:
            self._socket.close()
            self._process.wait(10)
            self._socket = self._process = None


def serve(orders: socket.socket) -> dict[str, Any] | None:
    """Fork for each order and say when a process has ended; returns None when nobody orders any more.

    Returns in each fork as well, with its order: the rest is done outside of everything that belongs to the loader.
    """
    running: dict[int, int] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not orders:
                    waiting.unregister(key.fd)
                    pid = running.pop(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    orders.send(json.dumps({"pid": pid, "code": code}).encode())
                    continue
                order, handles, _, _ = socket.recv_fds(orders, LARGEST, 3)
                if not order:
                    for pid in running.values():
                        os.kill(pid, signal.SIGKILL)
                    return None
                order = json.loads(order)
                leads_a_group = order.pop("leads_a_group")
                if not (pid := os.fork()):
                    for handle in running:
                        os.close(handle)
                    return order | {"handles": handles}
                if leads_a_group:
                    os.setpgid(pid, pid)
                for handle in handles:
                    os.close(handle)
                handle = os.pidfd_open(pid)
                running[handle] = pid
                waiting.register(handle, selectors.EVENT_READ)
                orders.send(json.dumps({"pid": pid}).encode())


def become(program: str, arguments: list[str], env: dict[str, str], handles: list[int]) -> None:
    """Run the program; only the libraries, which are loaded already, tell it from a fresh process."""
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [program, *arguments]
    sys.path[0] = str(ROOT)
    runpy.run_path(program, run_name="__main__")


def main(handle: int) -> None:
    gc.disable()
    for name in LIBRARIES:
        importlib.import_module(name)
    assert threading.active_count() == 1, "A library has started a thread, which no fork would have."
    gc.enable()
    gc.freeze()
    with socket.socket(fileno=handle) as orders:
        order = serve(orders)
    if order is not None:
        become(**order)


if __name__ == "__main__":
    main(int(sys.argv[1]))
