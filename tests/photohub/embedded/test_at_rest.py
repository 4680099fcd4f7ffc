"""What a running hub has loaded while nothing happens: what it never uses costs it neither memory nor time."""

import os
import shutil
import subprocess
import sys

import pytest
from django.conf import settings

from tests import prepared
from tests.ports import free_ports

# A hub that tells which modules it has when it is ready, and that its sweeps were done.
PROGRAM = """
import os, signal, sys, threading, time, urllib.request
sys.argv = ["manage.py", "up"]

def tell(url):
    while True:
        try:
            with urllib.request.urlopen(url + "/readyz", timeout=5) as answer:
                break
        except OSError:
            time.sleep(0.05)
    with urllib.request.urlopen(url + "/login", timeout=30) as page:
        page.read()
    print(*sorted(sys.modules))
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=tell, args=["http://" + os.environ["PHOTOHUB_HTTP"]], daemon=True).start()
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
# Each with what needs it.
NEEDLESS = {
    "aiomqtt": "an outside broker",
    "argon2": "a login",
    "boto3": "a mirror on S3",
    "celery": "production",
    "cryptography": "firmware, and devices of a signed login",
    "django.contrib.postgres": "PostgreSQL, and the back office",
    "django.test": "the API's library, when a program asks",
    "imageio_ffmpeg": "a film",
    "ninja": "a program that asks the API",
    "numpy": "nothing",
    "oss2": "a mirror on OSS",
    "paho": "an outside broker",
    "photohub.api.api": "a program that asks the API",
    "psycopg": "PostgreSQL",
    "pydantic": "a program that asks the API",
    "redis": "production",
    "rich": "nothing",
    "simulators": "simulated devices",
    "twisted": "nothing",
    "unfold.admin": "the back office",
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> set[str]:
    """Return what a hub of its own had loaded when it was ready and a page was seen."""
    data = tmp_path_factory.mktemp("hub") / "data"
    shutil.copytree(prepared.data(), data)
    http, mqtt, stream = free_ports(3)
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"DJANGO_SETTINGS_MODULE": "photohub.settings", "PHOTOHUB_DATA": str(data)}
    env |= {"PHOTOHUB_HTTP": f"127.0.0.1:{http}", "PHOTOHUB_MQTT": f"127.0.0.1:{mqtt}"}
    env |= {"PHOTOHUB_STREAM": f"127.0.0.1:{stream}"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, timeout=120
    )
    lines = [line for line in done.stdout.splitlines() if "photohub.embedded.hub" in line]
    assert lines, done.stdout + done.stderr
    return set(lines[0].split())


@pytest.mark.parametrize("module", NEEDLESS)
def test_a_hub_at_rest_has_not_loaded(loaded, module):
    assert module not in loaded, f"It is for {NEEDLESS[module]}."
