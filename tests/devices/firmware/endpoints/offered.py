"""Devices with an update on its way, for tests of the firmware endpoints over real sockets."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import RolloutTarget
from devices.registry.models import Device
from devices.setup import adding
from tests.devices.firmware.builders import IMAGE, make_firmware, make_rollout


@dataclass
class Offered:
    """A device, its key in clear, and the row of its update."""

    device: Device
    key: str
    target: RolloutTarget

    @property
    def path(self) -> str:
        return f"/ota/f/{self.target.token}"

    def now(self) -> RolloutTarget:
        return RolloutTarget.objects.select_related("device", "rollout__firmware").get(pk=self.target.pk)

    def reach(self, state: str, percent: int) -> None:
        """Wait until the row says so: what went out is noted after the answer."""
        wait_for(lambda: (self.now().state, self.now().percent) == (state, percent))


def wait_for(check: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait until it holds; fails when it does not in time."""
    until_s = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.02)


def offer(
    code: str = "porch", data: bytes = IMAGE, door: str = "", facts: dict | None = None, **plan
) -> Offered:
    """Return a device with a running rollout; `door` offers it there already."""
    made = adding.add_device(code=code, name=code, profile="generic")
    targets.report_version(made.device, "default", "1.0.0")
    rollout = make_rollout([made.device], make_firmware(data, **(facts or {})), error_percent=100, **plan)
    if door:
        targets.next_offer(made.device, rollout.firmware.module, door)
    return Offered(made.device, made.key, rollout.targets.get())


def raw_request(url: str, text: str) -> bytes:
    """Send these very bytes and return all that comes until the hub closes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer
