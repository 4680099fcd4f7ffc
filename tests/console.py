"""Management commands in one process that stays: Django's start, a second each time, is paid for once.

    console = Console(env)
    console.run("add_device", "porch", "--json")  # what the command printed
    console.close()

For commands that only look at the database or change it. What a command does to its own process (locks, signals, exit
codes) can be seen only in a process of its own.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import django
from django.core.management import call_command
from django.db import connections

from tests.loaded_process import LoadedProcess, Loader

ROOT = Path(__file__).resolve().parent.parent


class Console:
    """Runs commands with this environment; its process starts with the first one."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._process: subprocess.Popen | LoadedProcess | None = None
        self._orders: IO[str] | None = None
        self._answers: IO[str] | None = None

    def run(self, *arguments: str) -> str:
        """Run a command and return what it printed. Raises RuntimeError when it fails."""
        if self._process is None:
            self._begin()
        process = self._process
        self._orders.write(json.dumps(arguments) + "\n")
        self._orders.flush()
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError(f"The console ended with {process.wait()} in {' '.join(arguments)}.")
        printed, error = json.loads(answer)
        if error:
            raise RuntimeError(f"{' '.join(arguments)} failed: {error}\n{printed}")
        return printed

    def _begin(self) -> None:
        its_orders, orders = os.pipe()
        answers, its_answers = os.pipe()
        # A loader that does not fit this environment runs this file alone, as a program does.
        env = self._env | {"PYTHONPATH": str(ROOT)}
        handles = {"stdin": its_orders, "stdout": its_answers, "stderr": sys.__stderr__.fileno()}
        if Loader.current is not None:
            self._process = Loader.current.start(Path(__file__), [], env, **handles)
        else:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.console"], cwd=ROOT, env=env, **handles
            )
        os.close(its_orders)
        os.close(its_answers)
        self._orders, self._answers = os.fdopen(orders, "w"), os.fdopen(answers)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._orders.close()
            self._process.wait(30)
            self._answers.close()
            self._process = None


def serve() -> None:
    """Run each command that comes as a line, until there are no more."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
    answers, sys.stdout = sys.stdout, sys.stderr
    django.setup()
    for line in sys.stdin:
        printed, error = io.StringIO(), ""
        try:
            # `shell` lets its code print.
            with contextlib.redirect_stdout(printed):
                call_command(*json.loads(line), stdout=printed, stderr=printed)
        except Exception as raised:
            error = repr(raised)
        # The database may be another one when the next command comes: restarted, or restored.
        for connection in connections.all():
            connection.close()
            if hasattr(connection, "close_pool"):
                connection.close_pool()
        print(json.dumps([printed.getvalue(), error]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
