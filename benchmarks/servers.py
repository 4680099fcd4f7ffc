"""Starting what is measured: PhotoHub in both forms and its peers, each to be paused at others' turns."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.load import ROOT, Order
from tests.hub_process import HubProcess
from tests.ports import free_ports
from tests.production.stack import WEB_SERVERS, Stack, is_open, write_nginx_conf

READY_WITHIN_S = 20.0


@dataclass(frozen=True)
class Server:
    """One thing that takes pictures. `processes` are those that share its work; `roots` are to be paused."""

    name: str
    urls: list[str]
    processes: int
    roots: Callable[[], list[int]]
    method: str = "POST"
    headers: list[dict[str, str]] = field(default_factory=list)
    name_in_path: bool = False
    folder: Path | None = None

    def order(self, picture: Path, connections: int, seconds: float, per_s: float = 0.0) -> Order:
        """Return the order that sends pictures here."""
        return Order(
            self.urls,
            str(picture),
            connections,
            seconds,
            self.method,
            self.headers,
            self.name_in_path,
            per_s,
        )

    def pause(self) -> None:
        """Stop all its processes where they are: work it still owes must not slow the next server down."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def clear(self) -> None:
        """Forget a peer's files before they are written back, which would be charged to the next server."""
        for path in self.folder.rglob("*") if self.folder else ():
            if path.is_file() and not path.name.startswith("rows.sqlite3"):
                path.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        for root in self.roots():
            for process in family(root):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


@contextlib.contextmanager
def running(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen]:
    """Run a server until the end of the block; it is ready when its port is open."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | (env or {}), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            if not _opens(port, process):
                log.seek(0)
                raise RuntimeError(
                    f"{command[0]} did not start:\n{log.read()[-2000:].decode(errors='replace')}"
                )
            yield process
        finally:
            end(process)


def _opens(port: int, process: subprocess.Popen) -> bool:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            return is_open(port)
        time.sleep(0.05)
    return False


def end(process: subprocess.Popen) -> None:
    """End a server and all that it started, paused or not."""
    members = family(process.pid)
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    for member in members[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


@contextlib.contextmanager
def asgi_peer(
    name: str, module: str, processes: int = 1, env: dict[str, str] | None = None
) -> Iterator[Server]:
    """Run benchmarks/peers/<module>.py under uvicorn, as many processes as PhotoHub has."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="photohub-peer-") as folder:
        command = [sys.executable, "-m", "uvicorn", f"benchmarks.peers.{module}:app", "--port", str(port)]
        command += ["--workers", str(processes), "--no-access-log", "--log-level", "warning"]
        with running(command, port, {"PEER_FOLDER": folder} | (env or {})) as process:
            urls = [f"http://127.0.0.1:{port}/upload"]
            yield Server(name, urls, processes, lambda: [process.pid], folder=Path(folder))


@contextlib.contextmanager
def flask_peer(name: str = "Flask + gunicorn, no sync", processes: int = 2) -> Iterator[Server]:
    """Run the published handler's work under gunicorn, with threads so that connections stay open."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="photohub-peer-") as folder:
        command = [sys.executable, "-m", "gunicorn", "benchmarks.peers.flask_saves:app"]
        command += ["--bind", f"127.0.0.1:{port}", "--workers", str(processes), "--log-level", "error"]
        command += ["--worker-class", "gthread", "--threads", "8", "--keep-alive", "75"]
        with running(command, port, {"PEER_FOLDER": folder}) as process:
            urls = [f"http://127.0.0.1:{port}/upload"]
            yield Server(name, urls, processes, lambda: [process.pid], folder=Path(folder))


_NGINX = """
daemon off; worker_processes {processes}; pid {home}/nginx.pid; error_log {home}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on;
    client_body_temp_path {home}/bodies; proxy_temp_path {home}/t1; fastcgi_temp_path {home}/t2;
    uwsgi_temp_path {home}/t3; scgi_temp_path {home}/t4;
    client_max_body_size 64m; keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {home}/pictures; dav_methods PUT; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx_peer(name: str = "nginx WebDAV PUT, no sync", processes: int = 2) -> Iterator[Server]:
    """Run nginx as a bare place to put files."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="photohub-peer-") as home:
        pictures = Path(home) / "pictures"
        pictures.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        config = Path(home) / "nginx.conf"
        config.write_text(_NGINX.format(home=home, port=port, processes=processes, user=user))
        with running(["nginx", "-p", home, "-e", f"{home}/error.log", "-c", str(config)], port) as process:
            urls = [f"http://127.0.0.1:{port}/"]
            yield Server(
                name, urls, processes, lambda: [process.pid], method="PUT", name_in_path=True, folder=pictures
            )


@contextlib.contextmanager
def proxy_before(*webs: int, without: str = "") -> Iterator[Server]:
    """Run the reverse proxy of deploy/nginx.conf before a hub's web servers on this machine, or without a line of it."""
    (own,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="photohub-proxy-") as home:
        there = {f"web{number}": webs[number % len(webs)] for number in range(WEB_SERVERS)}
        config = write_nginx_conf(Path(home), {"nginx": own, "mqtt_ws": webs[0]} | there)
        config.write_text(config.read_text().replace(without, "") if without else config.read_text())
        command = ["nginx", "-p", home, "-e", f"{home}/error.log", "-c", str(config), "-g", "daemon off;"]
        with running(command, own) as process:
            yield Server("nginx", [f"http://127.0.0.1:{own}"], 1, lambda: [process.pid])


def device_headers(made: dict[str, str]) -> dict[str, str]:
    return {"X-Device-Key": made["key"]}


def embedded_server(name: str, hub: HubProcess, made: list[dict[str, str]]) -> Server:
    """Describe a running embedded hub as a server; its devices take turns."""
    return Server(
        name, [f"{hub.url}/api/upload"], 1, lambda: [hub.pid], headers=[device_headers(each) for each in made]
    )


def production_server(name: str, stack: Stack, made: dict[str, str], behind_nginx: bool) -> Server:
    """Describe a running production form: through its nginx, or straight to its two web processes."""
    webs = [
        f"http://127.0.0.1:{port}/api/upload" for service, port in stack.ports.items() if "web" in service
    ]
    return Server(
        name,
        [f"{stack.url}/api/upload"] if behind_nginx else webs,
        2,
        lambda: [process.pid for process in stack.processes.values()],
        headers=[device_headers(made)],
    )


def _start_all(stack: Stack) -> None:
    try:
        stack.start_all()
    except AssertionError as error:
        raise RuntimeError(f"The production form did not start. {error}\n{stack.logs()}") from error


@contextlib.contextmanager
def production(more: dict[str, str] | None = None) -> Iterator[Stack]:
    """Run the services of docker-compose.yml as processes of this machine, two web servers among them."""
    # A short path: PostgreSQL's socket lies in it, and its user must get in.
    with tempfile.TemporaryDirectory(
        prefix="photohub-stack-", dir="/tmp", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)
        stack = Stack(folder, more)
        try:
            _start_all(stack)
            yield stack
        finally:
            stack.stop_all()


@contextlib.contextmanager
def fake_oss(latency_s: float = 0.0) -> Iterator[dict[str, str]]:
    """Run a fake OSS as a process of its own; yields the settings that reach it."""
    command = [sys.executable, "-m", "benchmarks.slow_oss", str(latency_s)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdout.close()
        end(process)
