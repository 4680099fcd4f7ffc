"""Aliyun's own SDK for Python, in which only the host was changed, against the embedded form."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.firmware_board import make_firmware
from tests.flows.story import Visitor, until
from tests.hub_process import inherited, running_hub
from tests.outside import from_pypi

# The SDK calls what paho 2 no longer has.
SDK = ("aliyun-iot-linkkit==1.2.13", "paho-mqtt==1.6.1")
PROGRAM = Path(__file__).with_name("aliyun_sdk_device.py")
NAMES = {"product_key": "pk-sdk", "device_name": "sdk-one"}
PUSHED, ASKED = 1, 2  # the SDK's words for an offer on `upgrade` and one on `get_reply`


@pytest.fixture(scope="module")
def hub():
    env = {
        "DJANGO_SUPERUSER_USERNAME": "alice",
        "DJANGO_SUPERUSER_PASSWORD": "correct horse 9",
        "PHOTOHUB_UNSIGNED_FIRMWARE": "allow",
    }
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        # A link must lead to this hub, which listens inside only.
        hub.stop()
        yield hub.start(PHOTOHUB_URL=hub.url)


class SdkDevice:
    """The device's process, and what it said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.said: list[str] = []
        self._process = process

    async def listen(self) -> None:
        async for line in self._process.stdout:
            self.said.append(line.decode().strip())

    def tell(self, line: str) -> None:
        self._process.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def sdk_device(port: int, secret: str):
    folder = await asyncio.to_thread(from_pypi, *SDK)
    asked = json.dumps({"port": port, "names": NAMES, "secret": secret})
    pipe = asyncio.subprocess.PIPE
    env = inherited() | {"PYTHONPATH": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), asked, stdin=pipe, stdout=pipe, env=env
    )
    device = SdkDevice(process)
    listening = asyncio.create_task(device.listen())
    try:
        yield device
    finally:
        process.kill()
        await process.wait()
        await listening


async def roll_out(person: Visitor, code: str, version: str) -> str:
    files = {"file": ("image.bin", make_firmware(version, 60_000).data, "application/octet-stream")}
    facts = {"product": NAMES["product_key"], "version": version, "counter": version[0]}
    firmware = (await person.api.post("/firmware", files=files, data=facts)).json()
    wanted = {"firmware": firmware["id"], "devices": [code]}
    rollout = (await person.api.post("/rollouts", json=wanted)).json()
    await person.api.post(f"/rollouts/{rollout['id']}/resume")
    return rollout["id"]


async def ended(person: Visitor, rollout: str) -> str:
    async def look() -> str:
        [target] = (await person.api.get(f"/rollouts/{rollout}/targets")).json()["items"]
        return target["state"] if target["state"] in ("proved", "failed", "timed_out") else ""

    return await until(look, 40)


async def test_the_sdk_is_offered_what_it_never_subscribed_to_and_proves_it(hub):
    person = Visitor(hub.url, hub.token)
    wanted = {"code": "sdk", "profile": "esp8266-stm32", **NAMES}
    made = (await person.api.post("/devices", json=wanted)).json()
    async with sdk_device(hub.mqtt_port, made["device_secret"]) as device:
        await until(lambda: "connected" in device.said)
        assert await ended(person, await roll_out(person, "sdk", "2.0.0")) == "proved"
        device.tell(f"take {ASKED}")
        rollout = await roll_out(person, "sdk", "3.0.0")
        await until(lambda: f"offer {PUSHED} 3.0.0" in device.said)
        device.tell("ask")
        assert await ended(person, rollout) == "proved"
    assert (await person.device("sdk"))["modules"]["default"] == "3.0.0"
    assert not [line for line in device.said if line.startswith("broken")]
    await person.api.aclose()
