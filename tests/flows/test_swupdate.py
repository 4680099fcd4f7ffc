"""The real swupdate installs from the embedded hub, and its action ends by the version that it then tells."""

import itertools

import pytest

from tests.flows.story import Visitor, until
from tests.flows.swupdate import FAILED, INSTALLED, Swupdate, make_swu
from tests.hub_process import running_hub

LOGIN = ("alice", "correct horse 9")
PATIENCE_S = 60.0
NOTHING = '"_links":{}'
IMAGE = bytes(range(256)) * 800
# More than all buffers on the way hold, so that it is still under way when something happens.
LARGE = IMAGE * 30
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": LOGIN[0], "DJANGO_SUPERUSER_PASSWORD": LOGIN[1]}
    env |= {"PHOTOHUB_UNSIGNED_FIRMWARE": "allow", "PHOTOHUB_DDI_SLEEP": "1"}
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        yield hub


class Story:
    """One board and the maker who releases an update for it."""

    def __init__(self, hub, maker: Visitor, folder) -> None:
        self.hub, self.maker, self.folder = hub, maker, folder
        number = next(_numbers)
        self.code, self.new = f"linux-{number}", f"2.{number}.0"

    async def begin(self, **board) -> Swupdate:
        """Add the board."""
        made = (
            await self.maker.api.post("/devices", json={"code": self.code, "profile": "raspberry-pi"})
        ).json()
        self.board = Swupdate(self.folder / "board", self.hub.url, self.code, made["key"], **board)
        return self.board

    async def release(self, image: bytes = IMAGE, **faults) -> None:
        """Roll an update out to the board."""
        data = make_swu(self.new, image, self.board.image, **faults)
        facts = {"product": "raspberry-pi", "module": "default", "version": self.new, "publish": "true"}
        stored = await self.maker.api.post("/firmware", data=facts, files={"file": ("board.swu", data)})
        assert stored.status_code == 201, stored.text
        wish = {"firmware": stored.json()["id"], "devices": [self.code], "error_threshold": 100}
        begun = await self.maker.api.post("/rollouts", json=wish)
        assert begun.status_code == 201, begun.text
        self.rollout = f"/rollouts/{begun.json()['id']}"

    async def target(self) -> dict:
        return (await self.maker.api.get(f"{self.rollout}/targets")).json()["items"][0]

    async def has_bytes(self) -> bool:
        return (await self.target())["percent"] > 0

    async def reach(self, state: str, word: str | None = None, within_s: float = PATIENCE_S) -> dict:
        async def look() -> dict | None:
            now = await self.target()
            return now if now["state"] == state and word in (None, now["reason_word"]) else None

        return await until(look, within_s)


@pytest.fixture
async def story(hub, tmp_path):
    maker = Visitor(hub.url, hub.token)
    yield Story(hub, maker, tmp_path)
    await maker.api.aclose()


async def test_an_update_is_installed_and_proved_by_the_version_after_the_restart(story):
    board = await story.begin()
    with board.running():
        await until(lambda: "configData JSON" in board.log, PATIENCE_S)
        await story.release()
        await until(lambda: "All Chunks Installed" in board.log, PATIENCE_S)
        assert board.image.read_bytes() == IMAGE
        assert (await story.reach("flashing"))["percent"] == 100
    board.identity["version"] = story.new
    with board.running(INSTALLED):
        proved = await story.reach("proved")
    assert (proved["door"], proved["reason_word"]) == ("ddi", "")
    assert board.log.count("configData JSON") == 2 and "closed" in board.log


async def test_the_old_version_after_a_success_is_no_proof(story):
    board = await story.begin(identity={"board": "x1", "version": "1.0.0"})
    await story.release()
    with board.running():
        await until(lambda: "All Chunks Installed" in board.log, PATIENCE_S)
    with board.running(INSTALLED):
        doubted = await story.reach("flashing", "old_version")
    assert "another version" in doubted["explanation"]


async def test_a_board_that_tells_no_version_is_believed_once_it_was_asked(story):
    board = await story.begin()
    await story.release()
    with board.running():
        await until(lambda: "All Chunks Installed" in board.log, PATIENCE_S)
    downloads = board.log.count("Total download size")
    with board.running(INSTALLED):
        await story.reach("proved")
        asked = board.log.count("configData JSON")
        assert asked == 2 and board.log.count("Total download size") == downloads


async def test_what_swupdate_says_of_a_failure_is_the_reason(story):
    board = await story.begin()
    await story.release(sha256="0" * 64)
    with board.running():
        failed = await story.reach("failed")
    assert failed["reason_word"] == "upgrade" and failed["explanation"]


async def test_a_board_that_came_up_badly_has_failed(story):
    board = await story.begin()
    await story.release()
    with board.running():
        await until(lambda: "All Chunks Installed" in board.log, PATIENCE_S)
    with board.running(FAILED):
        assert (await story.reach("failed"))["reason_word"] == "upgrade"


async def test_a_cancel_stops_the_download(story):
    board = await story.begin(speed="700k")
    await story.release(LARGE)
    with board.running():
        await until(story.has_bytes, PATIENCE_S)
        await story.maker.api.post(f"{story.rollout}/cancel")
        await until(lambda: "Acknowledging cancelled update" in board.log, PATIENCE_S)
        await until(lambda: NOTHING in board.log.rpartition("Acknowledging")[2], PATIENCE_S)
    assert (await story.target())["state"] == "cancelled" and "All Chunks Installed" not in board.log


async def test_a_download_goes_on_at_the_byte_after_the_hub_was_killed(story, hub):
    board = await story.begin(speed="300k")
    await story.release(LARGE)
    with board.running():
        await until(story.has_bytes, PATIENCE_S)
        hub.kill()
        hub.start()
        await until(lambda: "All Chunks Installed" in board.log, PATIENCE_S)
    assert "Range: bytes=" in board.log and board.image.read_bytes() == LARGE
