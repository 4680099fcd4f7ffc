"""Real reverse proxies in front of the whole web entry."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axes.models import AccessAttempt
from django.urls import reverse

from devices.registry.models import Device
from photohub import asgi
from tests.builders import make_device, make_jpeg, make_user
from tests.ports import free_ports
from tests.servers import running_asgi

pytestmark = pytest.mark.django_db(transaction=True)

# An address of its own, so that it cannot be taken for the proxy's.
CLIENT = "127.0.0.5"
_SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin"
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend outside
    bind 127.0.0.1:{port}
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    default_backend hub
backend hub
    server one 127.0.0.1:{hub}
"""
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{hub};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


@contextlib.contextmanager
def proxied(program: str, folder: Path) -> Iterator[str]:
    """Serve the hub behind this program, and yield the program's address."""
    [port] = free_ports(1)
    with running_asgi(asgi.application) as url:
        text = {"haproxy": HAPROXY, "nginx": NGINX}[program]
        config = folder / "conf"
        config.write_text(text.format(port=port, hub=url.rpartition(":")[2], folder=folder))
        option = {"haproxy": ["-db", "-f"], "nginx": ["-c"]}[program]
        path = shutil.which(program, path=_SEARCHED) or program
        process = subprocess.Popen([path, *option, str(config)], stderr=subprocess.DEVNULL)
        try:
            wait_until_open(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def wait_until_open(port: int) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
    raise AssertionError("The proxy does not listen.")


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address=CLIENT), timeout=20)


@pytest.mark.parametrize("program", ["haproxy", "nginx"])
def test_a_stranger_cannot_say_that_he_is_inside_a_network(program, settings, tmp_path):
    settings.TRUSTED_PROXIES = 1
    make_device("inside", allowed_network="192.168.7.0/24")
    body, said = make_jpeg(), [("X-Forwarded-For", "192.168.7.7"), ("Name-Pic", "a")]
    with proxied(program, tmp_path) as url:
        with client(url) as camera:
            upload = camera.post("/api/upload", content=body, headers=said)
            make_device("here", allowed_network=CLIENT)
            mine = camera.post("/api/upload", content=body, headers=said)
    assert (upload.status_code, mine.status_code) == (401, 200)
    assert Device.objects.get(code="here").last_address == CLIENT


def test_a_stranger_does_not_inherit_the_network_of_a_proxy_that_nobody_named(settings, tmp_path):
    settings.TRUSTED_PROXIES = 0
    make_device("here", allowed_network="127.0.0.0/8")
    with proxied("nginx", tmp_path) as url, client(url) as camera:
        answer = camera.post("/api/upload", content=make_jpeg(), headers={"Name-Pic": "a"})
    assert answer.status_code == 401


@pytest.mark.parametrize("program", ["haproxy", "nginx"])
def test_pages_and_logins_see_the_client_and_its_scheme(program, settings, tmp_path):
    settings.TRUSTED_PROXIES = 1
    make_user("anna", "viewer")
    with proxied(program, tmp_path) as url, client(url) as browser:
        page = browser.get(reverse("login"))
        form = {"username": "anna", "password": "wrong", "csrfmiddlewaretoken": page.cookies["photohub_csrf"]}
        said = {"X-Forwarded-For": "9.9.9.9", "Origin": url.replace("http:", "https:")}
        answer = browser.post(reverse("login"), data=form, headers=said)
    assert answer.status_code == 200 and AccessAttempt.objects.get().ip_address == CLIENT
