"""The proxy's own settings, in a real nginx whose web servers are away."""

import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from photohub.lib.ids import new_key, new_link_code
from photohub.lib.log.secret_paths import SECRET_PATHS
from tests.ports import free_ports
from tests.production.stack import WEB_SERVERS, is_open, wait_for, write_nginx_conf

MISTYPED = ("/api/uploads/{}", "/API/upload/{}", "//api//upload//{}", "/{}", "/ota/{}/x", "/panel/{}/next")
PLAIN = (
    "/captures/0192f0a1-b2c3-7d4e-8f90-a1b2c3d4e5f6/original",
    "/panel/next",
    "/devices/a-camera-with-a-long-name/",
)


@pytest.fixture(scope="module")
def nginx() -> Iterator[tuple[int, Path]]:
    """Run nginx; yield its port and its log."""
    folder = Path(tempfile.mkdtemp(prefix="photohub-nginx-"))
    folder.chmod(0o755)
    names = ("nginx", "mqtt_ws", *(f"web{number}" for number in range(WEB_SERVERS)))
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [program, "-c", str(write_nginx_conf(folder, ports)), "-g", "daemon off;"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for("nginx serves", lambda: is_open(ports["nginx"]), 20)
            yield ports["nginx"], folder / "log"
        finally:
            process.terminate()
    shutil.rmtree(folder, ignore_errors=True)


def ask(port: int, path: str, **headers: str) -> int:
    """Send a request as it is, and return the status."""
    lines = [f"GET {path} HTTP/1.1", "Host: hub", *(f"{name}: {text}" for name, text in headers.items())]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return int(link.makefile("rb").readline().split()[1])


def test_no_secret_of_a_path_is_in_its_log(nginx):
    port, log = nginx
    secrets = {path.prefix: new_link_code() if path.prefix == "/p/" else new_key() for path in SECRET_PATHS}
    asked = [f"{prefix}{secret}/more?key={secret}" for prefix, secret in secrets.items()]
    asked += [form.format(secret) for form in MISTYPED for secret in [secrets["/api/upload/"]]]
    for path in (*asked, *PLAIN):
        ask(port, path)
    text = wait_for("it is written", lambda: log.read_text() if PLAIN[-1] in log.read_text() else "", 10)
    assert not [path for path, secret in secrets.items() if secret in text]
    assert all(f'"GET {path}"' in text for path in PLAIN) and "/api/upload/..." in text


def test_a_line_feed_in_a_path_begins_no_line(nginx):
    port, log = nginx
    ask(port, "/x%0A127.0.0.1%20forged")
    text = wait_for("it is written", lambda: log.read_text() if "forged" in log.read_text() else "", 10)
    assert not re.search(r"^127\.0\.0\.1 forged", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("origin", "let_through"),
    [
        ("", True),
        ("http://hub", True),
        ("https://servicewechat.com", True),
        ("http://evil.example", False),
        ("null", False),
    ],
)
def test_only_own_pages_open_mqtt(nginx, origin, let_through):
    port, _log = nginx
    status = ask(port, "/mqtt", **({"Origin": origin} if origin else {}))
    assert (status != 403) is let_through
