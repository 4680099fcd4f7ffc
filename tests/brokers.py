"""A real Mosquitto for one test, that lets everybody in."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from devices.mqtt.client import Address
from tests.hub_process import free_ports
from tests.production.stack import is_open, wait_for

SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"


@contextlib.contextmanager
def running_mosquitto(folder: Path) -> Iterator[Address]:
    """Run it until the block ends, on a free port."""
    [port] = free_ports(1)
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    program = shutil.which("mosquitto", path=SEARCHED) or "mosquitto"
    with subprocess.Popen([program, "-c", str(settings)], stderr=subprocess.DEVNULL) as process:
        wait_for("Mosquitto listens", lambda: is_open(port), 10)
        yield Address("127.0.0.1", port)
        process.terminate()
