"""The loader's own process (tests/loaded_process.py): imports once, and forks for each program.

A fork takes over arguments, environment and descriptors, computes the settings anew from its environment, and runs the
program from its first line. What was imported may have looked at a setting: the loader notes which ones were read, and a
fork of whose settings one of these differs, or that is no program of PhotoHub's, becomes a fresh process (`execve`).
"""

import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import django
from django.conf import LazySettings, settings
from django.db import connections

from photohub.env import READ
from photohub.lib import failpoints
from tests.loaded_process import LARGEST, ROOT

# Whatever is imported here is imported in a start of any form; what only some programs need comes with them.
LIBRARIES = """
    PIL.ImageFont PIL.ImageOps aiomqtt celery.app.amqp celery.app.control celery.apps.worker celery.beat
    celery.concurrency.thread celery.utils.debug django.contrib.messages.storage.fallback django.template.loader
    psycopg psycopg_pool redis.asyncio uvicorn.protocols.http.httptools_impl uvloop
""".split()
# Not photohub.asgi and what imports it: it sets up the log.
OURS = """
    photohub.urls photohub.routing photohub.gateway.mqtt_routes photohub.gateway.inbox
    photohub.accounts.first_owner photohub.start.preparing photohub.status.parts photohub.lib.http.body_limit
    photohub.lib.http.host_guard photohub.lib.http.origins photohub.lib.http.proxies
    photohub.lib.http.socket_guard photohub.embedded.broker photohub.lib.messaging.schedule
    devices.firmware.endpoints.endpoint devices.tasks media_pipeline.live.mjpeg media_pipeline.intake.endpoint
    media_pipeline.live.wall media_pipeline.streams.tcp media_pipeline.streams.pull
    media_pipeline.streams.links media_pipeline.tasks
""".split()
# Read while Django starts, and looked up again after the fork (`_forget_database`).
LOOKED_UP_AGAIN = {"DATABASES"}


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
                    if leads_a_group:
                        os.setpgid(0, 0)
                    return order | {"handles": handles}
                if leads_a_group:
                    # Whoever is first: it may have become another program meanwhile, which only it itself could move.
                    with contextlib.suppress(PermissionError):
                        os.setpgid(pid, pid)
                for handle in handles:
                    os.close(handle)
                handle = os.pidfd_open(pid)
                running[handle] = pid
                waiting.register(handle, selectors.EVENT_READ)
                orders.send(json.dumps({"pid": pid}).encode())


class Imported:
    """What this process has imported, and with which settings."""

    def __init__(self) -> None:
        self._read: set[str] = set()
        with tempfile.TemporaryDirectory(prefix="photohub-loader-") as folder:
            os.environ["PHOTOHUB_DATA"] = folder
            self._import()
        self._values = upper(sys.modules["photohub.settings"])

    def _import(self) -> None:
        look_up = LazySettings.__getattr__

        def note(of: LazySettings, name: str) -> object:
            self._read.add(name)
            return look_up(of, name)

        LazySettings.__getattr__ = note
        try:
            for name in LIBRARIES:
                importlib.import_module(name)
            django.setup()
            for name in OURS:
                importlib.import_module(name)
        finally:
            LazySettings.__getattr__ = look_up

    def adopt(self, env: dict[str, str]) -> bool:
        """Compute the settings from this environment. False where an imported module would be another one with them."""
        os.environ.clear()
        os.environ.update(env)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
        READ.clear()
        try:
            values = upper(importlib.reload(sys.modules["photohub.settings"]))
        except Exception:
            return False  # a fresh start says why
        names = {
            name for name in values.keys() | self._values.keys() if values.get(name) != self._values.get(name)
        }
        same_engine = (
            values["DATABASES"]["default"]["ENGINE"] == self._values["DATABASES"]["default"]["ENGINE"]
        )
        if names & self._read - LOOKED_UP_AGAIN or not same_engine:
            return False
        self._set({name: values.get(name) for name in names})
        return True

    def _set(self, values: dict[str, object]) -> None:
        for name, value in values.items():
            setattr(settings, name, value)
        os.environ["TZ"] = settings.TIME_ZONE
        time.tzset()
        _forget_database()
        random.seed()
        importlib.reload(failpoints)
        sys.modules["photohub.status.parts"]._started_s = time.monotonic()


def _forget_database() -> None:
    for alias in connections:
        del connections[alias]
    connections._settings = None
    vars(connections).pop("settings", None)


def upper(module: object) -> dict[str, object]:
    return {name: value for name, value in vars(module).items() if name.isupper()}


def is_ours(program: str) -> bool:
    """Tell whether a program is PhotoHub: another one must find nothing imported."""
    return (
        program in (str(ROOT / "manage.py"), str(ROOT / "tests" / "console.py"))
        or Path(program).name == "celery"
    )


def become(
    imported: Imported, program: str, arguments: list[str], env: dict[str, str], handles: list[int]
) -> None:
    """Run the program, as it would run in a fresh process."""
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    if not (is_ours(program) and imported.adopt(env)):
        os.execve(sys.executable, [sys.executable, program, *arguments], env)
    sys.argv = [program, *arguments]
    sys.path[0] = str(ROOT)
    runpy.run_path(program, run_name="__main__")


def main(handle: int) -> None:
    gc.disable()
    imported = Imported()
    assert threading.active_count() == 1, "An import has started a thread, which no fork would have."
    gc.enable()
    gc.freeze()
    with socket.socket(fileno=handle) as orders:
        order = serve(orders)
    if order is not None:
        become(imported, **order)


if __name__ == "__main__":
    main(int(sys.argv[1]))
