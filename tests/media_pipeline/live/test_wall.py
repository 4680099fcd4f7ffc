import asyncio
import json
import struct
from contextlib import asynccontextmanager

import pytest

from media_pipeline.live import wall
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.wall import CLOSE_NO_RIGHT, CLOSE_TOO_MUCH, IN_FLIGHT, WallEndpoint
from tests.builders import make_jpeg


class Page:
    """A page that is open at a wall: `say` speaks, `frames` and `told` are what it heard, `closed` is the code."""

    def __init__(self) -> None:
        self.may_see: frozenset[str] | None = frozenset({"east", "west"})
        self.heard: asyncio.Queue[dict] = asyncio.Queue()
        self.frames: list[tuple[dict, bytes]] = []
        self.told: list[dict] = []
        self.closed: int | None = None
        self._said: asyncio.Queue[dict] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        self._change = asyncio.Event()

    async def rights(self, scope: dict) -> frozenset[str] | None:
        return self.may_see

    def say(self, text: str | None = None, **words) -> None:
        self._said.put_nowait(
            {"type": "websocket.receive", "text": json.dumps(words) if text is None else text}
        )

    async def receive(self) -> dict:
        return await self._said.get()

    async def send(self, message: dict) -> None:
        if "bytes" in message:
            (size,) = struct.unpack_from(">H", message["bytes"])
            self.frames.append((json.loads(message["bytes"][2 : 2 + size]), message["bytes"][2 + size :]))
        elif "text" in message:
            self.told.append(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.closed = message["code"]
        self._change.set()

    async def until(self, check) -> None:
        async with asyncio.timeout(5):
            while not check():
                self._change.clear()
                await self._change.wait()

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect"})


@asynccontextmanager
async def opened(frames: LatestFrames, page: Page | None = None, tick_s: float = 0.02):
    page = page or Page()
    running = asyncio.create_task(
        WallEndpoint(frames, page.rights, tick_s=tick_s)({}, page.receive, page.send)
    )
    try:
        yield page
    finally:
        page.leave()
        async with asyncio.timeout(5):
            await running


async def test_one_socket_shows_many_cameras_and_only_those_that_may_be_seen():
    frames = LatestFrames()
    for code in ("east", "west", "secret"):
        frames.put(code, make_jpeg(text=code))
    async with opened(frames) as page:
        page.say(show=["east", "west", "secret"])
        await page.until(lambda: len(page.frames) == 2 and {"live": ["east", "west"]} in page.told)
        assert {facts["code"]: data for facts, data in page.frames} == {
            code: make_jpeg(text=code) for code in ("east", "west")
        }
        assert page.frames[0][0]["kind"] == "live" and page.frames[0][0]["age_s"] < 4
    assert frames.viewers("east") == frames.viewers("west") == frames.viewers("secret") == 0


async def test_a_page_that_draws_slowly_gets_the_newest_frame_and_none_between(monkeypatch):
    monkeypatch.setattr(wall, "FPS_AT_MOST", 1000.0)
    frames = LatestFrames()
    async with opened(frames) as page:
        page.say(show=["east"])
        await page.until(lambda: page.told)
        for number in range(20):
            frames.put("east", make_jpeg(text=str(number)))
            await asyncio.sleep(0.01)
        assert len(page.frames) == IN_FLIGHT
        page.say(seen="east")
        await page.until(lambda: len(page.frames) == IN_FLIGHT + 1)
        assert page.frames[-1][1] == make_jpeg(text="19")


async def test_frames_come_no_more_often_than_is_wished():
    frames = LatestFrames()
    async with opened(frames) as page:
        page.say(show=["east"], fps=0.2)
        for number in range(10):
            frames.put("east", make_jpeg(text=str(number)))
            page.say(seen="east")
            await asyncio.sleep(0.01)
        assert len(page.frames) == 1


async def test_what_is_no_longer_shown_is_no_longer_watched():
    frames = LatestFrames()
    frames.put("east", make_jpeg())
    async with opened(frames) as page:
        page.say(show=["east"])
        await page.until(lambda: page.frames)
        page.say(show=[])
        await page.until(lambda: page.told[-1:] == [{"stats": {}}])
        assert frames.viewers("east") == 0


async def test_the_figures_are_those_of_the_stream():
    frames = LatestFrames()
    frames.put("east", make_jpeg())
    async with opened(frames) as page:
        page.say(show=["east"])
        await page.until(lambda: any(words.get("stats") for words in page.told))
        figures = next(words["stats"] for words in page.told if words.get("stats"))
        assert set(figures["east"]) == {"fps", "bytes_per_s"}


async def test_a_right_that_is_lost_darkens_the_camera():
    frames = LatestFrames()
    for code in ("east", "west"):
        frames.put(code, make_jpeg())
    async with opened(frames) as page:
        page.say(show=["east", "west"])
        await page.until(lambda: len(page.frames) == 2)
        page.may_see = frozenset({"west"})
        await page.until(lambda: {"live": ["west"]} in page.told)
        assert (frames.viewers("east"), frames.viewers("west")) == (0, 1)


async def test_whoever_is_logged_out_is_put_out():
    async with opened(LatestFrames()) as page:
        page.may_see = None
        await page.until(lambda: page.closed == CLOSE_NO_RIGHT)


async def test_a_stranger_is_told_so():
    page = Page()
    page.may_see = None
    async with opened(LatestFrames(), page):
        await page.until(lambda: page.closed == CLOSE_NO_RIGHT)


@pytest.mark.parametrize(
    "nonsense", ["", "[]", "{", '{"show":3}', '{"seen":[]}', '{"seen":"east"}', "[" * 4000]
)
async def test_nonsense_ends_nothing(nonsense):
    frames = LatestFrames()
    frames.put("east", make_jpeg())
    async with opened(frames) as page:
        page.say(nonsense)
        page.say(show=["east"], fps="many")
        await page.until(lambda: page.frames)


async def test_whoever_shouts_is_put_out():
    async with opened(LatestFrames()) as page:
        page.say("x" * 5000)
        await page.until(lambda: page.closed == CLOSE_TOO_MUCH)


async def test_a_database_that_is_away_ends_no_wall():
    page, asked = Page(), []

    async def away(scope):
        asked.append(scope)
        if len(asked) > 1:
            raise OSError("away")
        return frozenset({"east"})

    page.rights = away
    async with opened(LatestFrames(), page):
        await page.until(lambda: len(asked) > 2)
        assert page.closed is None
