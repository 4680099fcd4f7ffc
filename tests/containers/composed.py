"""docker-compose.yml brought up by podman-compose, in a folder and under a name of its own.

Debian's Podman does not wait for health, and looks after it only with systemd: both are done here, in the order and with the
commands and conditions that the file names.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.containers.engine import ROOT, Engine
from tests.ports import free_ports

SECRETS = {"POSTGRES_PASSWORD": "pgpw", "REDIS_PASSWORD": "redispw", "MQTT_PASSWORD": "mqttpw"}
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}
# On a machine that others use too; what is ready is seen at once.
READY_WITHIN_S = 240.0
_COMPOSE = Path(sys.executable).with_name("podman-compose")


class Composed:
    """All services of one project. `up()` and `down()` may alternate; volumes stay until `remove()`."""

    def __init__(self, engine: Engine, folder: Path, name: str) -> None:
        self.engine, self.folder, self.name = engine, folder, name
        folder.mkdir()
        self.services: dict[str, dict] = {}
        self.take_files()
        self.ports = dict(zip(("HTTP_PORT", "MQTT_PORT", "STREAM_PORT"), free_ports(3), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['HTTP_PORT']}"
        settings = SECRETS | OWNER | self.ports | {"PHOTOHUB_URL": self.url, "PHOTOHUB_RATE_LIMIT": "off"}
        (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def take_files(self, version: Path = ROOT) -> None:
        """Take compose file and settings of services from this folder, as an upgrade does."""
        shutil.copy(version / "docker-compose.yml", self.folder)
        shutil.copytree(version / "deploy", self.folder / "deploy", dirs_exist_ok=True)
        self.services = yaml.safe_load((self.folder / "docker-compose.yml").read_text())["services"]

    def compose(self, *arguments: str) -> None:
        """Run podman-compose; raises RuntimeError with what it said."""
        command = [str(_COMPOSE), "--podman-path", str(self.engine.program), "-p", self.name, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.engine.env, capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)} ended with {done.returncode}.\n{done.stdout}{done.stderr}"
            )

    def up(self) -> None:
        """Start every service once what it waits for is there, and wait until all are healthy."""
        for service in self._in_order():
            for other, wanted in self._awaited(service):
                self._wait_for(other, wanted["condition"])
            # Without the dependencies: those stand already, and Debian's Podman stumbles over their chains.
            self.compose("up", "--detach", "--no-build", "--no-deps", service)
        for service, described in self.services.items():
            self._wait_for(service, "service_healthy" if "healthcheck" in described else "")

    def _awaited(self, service: str) -> list[tuple[str, dict]]:
        return list((self.services[service].get("depends_on") or {}).items())

    def _in_order(self) -> list[str]:
        placed: list[str] = []
        while waiting := [name for name in self.services if name not in placed]:
            placed += [name for name in waiting if all(other in placed for other, _ in self._awaited(name))]
        return placed

    def container(self, service: str) -> str:
        return f"{self.name}_{service}_1"

    def _wait_for(self, service: str, condition: str) -> None:
        met = {"service_healthy": self.is_healthy, "service_completed_successfully": self.has_done}
        if condition in met:
            self.wait(f"{condition} of {service}", lambda: met[condition](service))

    def wait(self, what: str, condition, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it holds; raises AssertionError with the logs of all services."""
        deadline_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline_s, f"Not within {within_s:.0f} s: {what}.\n{self.logs()}"
            time.sleep(0.3)

    def is_healthy(self, service: str) -> bool:
        """Run the service's own check of its health, as the engine would."""
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            self.engine.run("healthcheck", "run", self.container(service), within_s=30)
            return True
        return False

    def has_done(self, service: str) -> bool:
        state = self.engine.inspect(self.container(service))["State"]
        code = state["ExitCode"]
        assert state["Status"] != "exited" or code == 0, f"{service} ended with {code}.\n{self.logs()}"
        return state["Status"] == "exited"

    def pid(self, service: str) -> int:
        """Return the number that this machine gives the service's first process."""
        return self.engine.inspect(self.container(service))["State"]["Pid"]

    def crash(self, service: str) -> None:
        """End its first process, so that all of the container ends, and wait until it is started again and is healthy."""
        before = self.pid(service)
        os.kill(before, signal.SIGKILL)
        self.wait(f"{service} is started again", lambda: self.pid(service) not in (0, before))
        self.wait(f"{service} is healthy again", lambda: self.is_healthy(service))

    def run(self, service: str, *command: str) -> str:
        """Run a command in the service's container and return what it printed."""
        return self.engine.run("exec", self.container(service), *command)

    def logs(self) -> str:
        ends = []
        for service in self.services:
            with contextlib.suppress(RuntimeError):
                ends.append(
                    f"--- {service}\n{self.engine.run('logs', '--tail', '30', self.container(service))}"
                )
        return "\n".join(ends)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return answer.read()

    def down(self, *, volumes: bool = False) -> None:
        self.compose("down", "--timeout", "15", *(["--volumes"] if volumes else []))


@contextlib.contextmanager
def composed(engine: Engine, folder: Path, name: str) -> Iterator[Composed]:
    """Make a project; at the end its containers and volumes are removed."""
    project = Composed(engine, folder, name)
    try:
        yield project
    finally:
        project.down(volumes=True)
