"""docker-compose.nodes.yml laid over docker-compose.yml, as podman-compose does it, and nginx with its files."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import podman_compose
import pytest
import yaml
from celery.bin.worker import worker as celery_worker
from django.core.management import get_commands, load_command_class

from photohub.env import READ
from tests.ports import free_ports
from tests.production.stack import ROOT, SECRETS, command_of, wait_for, write_nginx_conf

FILES = ("docker-compose.yml", "docker-compose.nodes.yml")
SECRET = "one secret for all machines of this hub: 0123456789"
FILLED_IN = SECRETS | {"PHOTOHUB_SECRET_KEY": SECRET, "PHOTOHUB_MIRROR": "s3"}
BUCKET = {"S3_BUCKET": "pictures", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "another"}
SECOND = ("files-b", "web-b", "worker-b")
CONDITIONAL = {"PHOTOHUB_DB_POOL", "PHOTOHUB_MQTT_PUBLIC"}


def lay_together() -> dict[str, dict]:
    """Return the services as an engine of containers sees them."""
    whole: dict = {}
    for file in FILES:
        podman_compose.rec_merge(
            whole, podman_compose.rec_subs(yaml.safe_load((ROOT / file).read_text()), FILLED_IN)
        )
    with contextlib.chdir(ROOT):
        podman_compose.resolve_extends(whole["services"], list(whole["services"]), FILLED_IN)
    for service in whole["services"].values():
        named = {v.split(":")[0] for v in service.get("volumes", []) if not v.startswith(".")}
        assert named <= whole["volumes"].keys()
    return whole["services"]


SERVICES = lay_together()
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "photohub:local"}


def test_the_second_machine_has_all_that_the_first_one_has_but_its_folder():
    for mine, first in zip(SECOND, ("migrate", "web", "worker"), strict=True):
        other = {"command", "environment", "volumes", "depends_on", "deploy", "ports", "extends", "build"}
        assert {k: v for k, v in SERVICES[mine].items() if k not in other} == {
            k: v for k, v in SERVICES[first].items() if k not in other
        }
        assert (SERVICES[mine]["volumes"], SERVICES[first]["volumes"]) == (["data-b:/data"], ["data:/data"])


def test_what_is_depended_on_exists_and_what_is_mounted_too():
    for service in SERVICES.values():
        assert set(service.get("depends_on") or {}) <= set(SERVICES)
        mounted = [v.split(":")[0] for v in service.get("volumes", []) if v.startswith(".")]
        assert all((ROOT / path).exists() for path in mounted)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name):
    assert OURS[name]["environment"].keys() <= READ.keys() | CONDITIONAL


@pytest.mark.parametrize("name", [n for n, s in OURS.items() if s["command"][0] == "python"])
def test_every_command_exists_and_takes_its_arguments(name):
    _python, program, command, *arguments = OURS[name]["command"]
    assert (
        load_command_class(get_commands()[command], command)
        .create_parser(program, command)
        .parse_args(arguments)
    )


def test_the_second_worker_takes_only_what_needs_its_disk():
    _celery, *options, worker = OURS["worker-b"]["command"][:4]
    assert (options, worker) == (["-A", "photohub"], "worker")
    context = celery_worker.make_context("worker", OURS["worker-b"]["command"][4:], resilient_parsing=True)
    assert list(context.params["exclude_queues"]) == ["celery"]
    first = [word for word in OURS["worker-b"]["command"] if word not in ("-X", "celery")]
    assert first == [word for word in OURS["worker"]["command"] if word != "celery"]


@pytest.mark.parametrize("name", [n for n in OURS if n != "broker_setup"])
def test_each_process_accepts_its_settings(name, tmp_path):
    env = {key: value for key, value in os.environ.items() if not key.startswith("PHOTOHUB_")}
    env |= OURS[name]["environment"] | BUCKET | {"PHOTOHUB_DATA": str(tmp_path / "data")}
    asking = "import photohub.settings as s; print(s.NODE_NAME, s.NODE_URL)"
    done = subprocess.run(
        [sys.executable, "-c", asking], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    machine = "" if name == "migrate" else "b http://web-b:8000" if name in SECOND else "a http://web:8000"
    assert (done.stdout.strip(), done.stderr) == (machine, "")


def test_without_the_secret_of_all_machines_it_does_not_begin():
    text = (ROOT / FILES[1]).read_text()
    for name in ("PHOTOHUB_SECRET_KEY", "PHOTOHUB_MIRROR"):
        with pytest.raises(ValueError, match=name):
            podman_compose.rec_subs(text, {key: value for key, value in FILLED_IN.items() if key != name})


@contextlib.contextmanager
def serving(name: str, port: int) -> Iterator[None]:
    """Stand for a web server that answers with its name."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        do_GET = do_POST

        def log_message(self, format, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def lay_out_nginx(folder: Path, ports: dict[str, int]) -> Path:
    """Write nginx's files with this machine's addresses. Names are looked up while serving only by newer ones than Debian's."""
    conf = write_nginx_conf(folder, ports)
    machines = folder / "machines"
    machines.mkdir()
    conf.write_text(conf.read_text().replace("/etc/nginx/machines/", f"{machines}/"))
    for file in (ROOT / "deploy/nodes").iterdir():
        text = re.sub(
            r"server (web(?:-b)?):8000 resolve;",
            lambda m: f"server 127.0.0.1:{ports[m[1]]};",
            file.read_text(),
        )
        (machines / file.name).write_text(text)
    return conf


@pytest.fixture
def balanced(tmp_path) -> Iterator[tuple[str, contextlib.ExitStack]]:
    """nginx before two machines: its address, and what ends the second one."""
    names = ("nginx", "mqtt_ws", "web", "web-b")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    conf = lay_out_nginx(tmp_path, ports | {"web0": ports["web"], "web1": ports["web"]})
    command = [command_of("nginx")[0], "-c", str(conf), "-g", "daemon off;"]
    with contextlib.ExitStack() as second, serving("a", ports["web"]):
        second.enter_context(serving("b", ports["web-b"]))
        nginx = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{ports['nginx']}"
            wait_for("nginx serves", lambda: ask(url, "/"), 30)
            yield url, second
        finally:
            os.killpg(nginx.pid, signal.SIGKILL)
            nginx.communicate()


def ask(url: str, path: str, body: bytes | None = None) -> str:
    with (
        contextlib.suppress(urllib.error.HTTPError),
        urllib.request.urlopen(url + path, body, timeout=20) as answer,
    ):
        return answer.read().decode()
    return "refused"


def test_uploads_go_to_both_machines_and_all_else_to_the_first(balanced):
    url, second = balanced
    uploads = Counter(
        ask(url, path, b"picture") for path in ("/api/upload", "/index.php", "/api/upload/key") * 4
    )
    assert uploads.keys() == {"a", "b"} and min(uploads.values()) >= 4
    elsewhere = ("/", "/ota/esp/key", "/api/v1/devices", "/panel/next", "/nodes/1/original/x", "/readyz")
    assert {ask(url, path) for path in elsewhere * 2} == {"a"}
    second.close()
    assert {ask(url, "/api/upload", b"picture") for _ in range(6)} == {"a"}
