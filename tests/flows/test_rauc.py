"""The hawkBit client of the RAUC project fetches from the embedded hub, and its update ends by the version it then tells."""

import asyncio
import itertools
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.flows.story import Visitor, until
from tests.hub_process import inherited, running_hub
from tests.outside import from_pypi

PROGRAM = Path(__file__).with_name("rauc_device.py")
CLIENT = (
    "rauc-hawkbit==0.2.0",
    "aiohttp==3.14.5",
    "aiohappyeyeballs==2.7.1",
    "aiosignal==1.4.0",
    "attrs==26.1.0",
    "frozenlist==1.8.0",
    "idna==3.20",
    "multidict==7.2.1",
    "propcache==0.5.4",
    "typing_extensions==4.16.0",
    "yarl==1.25.1",
)
PATIENCE_S = 60.0
BUNDLE = bytes(range(256)) * 800
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": "alice", "DJANGO_SUPERUSER_PASSWORD": "correct horse 9"}
    env |= {"PHOTOHUB_UNSIGNED_FIRMWARE": "allow", "PHOTOHUB_DDI_SLEEP": "1"}
    with running_hub(env=env) as hub:
        hub.token = hub.run("api_token", "alice").strip()
        yield hub


class Story:
    """One board and the maker who releases an update for it."""

    def __init__(self, hub, maker: Visitor, folder: Path) -> None:
        self.maker, number = maker, next(_numbers)
        self.code, self.new = f"rauc-{number}", f"3.{number}.0"
        self.settings = {"host": urlsplit(hub.url).netloc, "code": self.code, "folder": str(folder)}

    async def begin(self) -> None:
        """Add the board, and roll an update out to it."""
        api, asked = self.maker.api, {"code": self.code, "profile": "raspberry-pi"}
        self.settings["key"] = (await api.post("/devices", json=asked)).json()["key"]
        facts = {"product": "raspberry-pi", "module": "default", "version": self.new, "publish": "true"}
        stored = await api.post("/firmware", data=facts, files={"file": ("board.raucb", BUNDLE)})
        wish = {"firmware": stored.json()["id"], "devices": [self.code], "error_threshold": 100}
        self.rollout = (await api.post("/rollouts", json=wish)).json()["id"]

    async def reach(self, state: str) -> dict:
        async def look() -> dict | None:
            answer = await self.maker.api.get(f"/rollouts/{self.rollout}/targets")
            now = answer.json()["items"][0]
            return now if now["state"] == state else None

        return await until(look, PATIENCE_S)

    @asynccontextmanager
    async def running(self, result: int = 0, **attributes: str):
        """Run the board; `result` is what RAUC makes of a bundle."""
        env = inherited() | {"PYTHONPATH": str(await asyncio.to_thread(from_pypi, *CLIENT))}
        told = json.dumps(self.settings | {"result": result, "attributes": {"board": "x1"} | attributes})
        process = await asyncio.create_subprocess_exec(sys.executable, str(PROGRAM), told, env=env)
        try:
            yield
        finally:
            process.kill()
            await process.wait()


@pytest.fixture
async def story(hub, tmp_path):
    maker = Visitor(hub.url, hub.token)
    story = Story(hub, maker, tmp_path)
    await story.begin()
    yield story
    await maker.api.aclose()


async def test_a_bundle_is_installed_and_proved_by_the_version_after_the_restart(story, tmp_path):
    async with story.running():
        assert (await story.reach("flashing"))["percent"] == 100
    assert (tmp_path / "installed").read_bytes() == BUNDLE
    async with story.running(version=story.new):
        proved = await story.reach("proved")
    assert (proved["door"], proved["reason_word"]) == ("ddi", "")


async def test_what_rauc_says_of_a_failure_is_the_reason(story):
    async with story.running(result=1):
        failed = await story.reach("failed")
    assert failed["reason_word"] == "upgrade" and "does not fit" in failed["explanation"]
