import asyncio
from contextlib import aclosing

import pytest

from media_pipeline.formats import jpeg
from media_pipeline.live.latest_frame import Kind, LatestFrames, View, cut_tail, views
from tests.builders import make_jpeg
from tests.media_pipeline.formats.test_jpeg import without_tables
from tests.waiting import until

ONE, TWO, THREE = (make_jpeg(text=text) for text in ("one", "two", "three"))


async def first_view(frames: LatestFrames, code: str) -> View:
    """Return the first thing a new viewer would see."""
    async with aclosing(views(frames, code)) as seen:
        async for view in seen:
            return view


class Viewer:
    """Somebody who looks; `seen` is what he was shown."""

    def __init__(self, frames: LatestFrames, code: str = "porch") -> None:
        self.seen: list[View] = []
        self.may_take = asyncio.Event()
        self.may_take.set()
        self.task = asyncio.create_task(self._look(frames, code))

    async def _look(self, frames: LatestFrames, code: str) -> None:
        async with aclosing(views(frames, code)) as seen:
            async for view in seen:
                self.seen.append(view)
                await self.may_take.wait()

    def kinds(self) -> list[Kind]:
        return [view.kind for view in self.seen]

    def pictures(self) -> list[bytes]:
        return [view.jpeg for view in self.seen]

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_every_viewer_sees_every_frame_while_it_keeps_up():
    frames = LatestFrames(stale_after_s=9)
    frames.put("porch", ONE)
    viewers = [Viewer(frames) for _ in range(10)]
    for n, picture in enumerate((TWO, THREE), 1):
        await until(lambda n=n: all(len(v.seen) == n for v in viewers))
        frames.put("porch", picture)
    await until(lambda: all(v.pictures() == [ONE, TWO, THREE] for v in viewers))
    for viewer in viewers:
        await viewer.leave()


async def test_a_slow_viewer_skips_to_the_newest_and_holds_up_nobody():
    frames = LatestFrames(stale_after_s=9)
    slow, quick = Viewer(frames), Viewer(frames)
    slow.may_take.clear()
    for picture in (ONE, TWO, THREE):
        frames.put("porch", picture)
        await until(lambda picture=picture: quick.seen and quick.seen[-1].jpeg == picture)
    slow.may_take.set()
    await until(lambda: slow.seen[-1].jpeg == THREE)
    assert TWO in quick.pictures() and TWO not in slow.pictures()


async def test_a_camera_that_never_sent_shows_the_notice():
    view = await first_view(LatestFrames(), "porch")
    assert view.kind is Kind.NONE and view.age_s() is None


async def test_a_silent_camera_shows_its_last_picture_and_then_none():
    frames = LatestFrames(stale_after_s=0.05, gone_after_s=0.2)
    frames.put("porch", ONE)
    viewer = Viewer(frames)
    await until(lambda: Kind.NONE in viewer.kinds())
    assert viewer.kinds()[:3] == [Kind.LIVE, Kind.LAST, Kind.NONE]
    assert viewer.seen[1].age_s() > 0.05 and viewer.pictures()[1] != ONE


async def test_a_camera_that_returns_is_shown_and_missed_again():
    frames = LatestFrames(stale_after_s=0.05, repeat_every_s=60)
    frames.put("porch", ONE)
    viewer = Viewer(frames)
    await until(lambda: Kind.LAST in viewer.kinds())
    frames.put("porch", TWO)
    await until(lambda: viewer.kinds() == [Kind.LIVE, Kind.LAST, Kind.LIVE, Kind.LAST])


async def test_a_picture_that_no_other_follows_is_shown_twice_on_request():
    frames, seen = LatestFrames(stale_after_s=9, again_after_s=0.02), []
    frames.put("porch", ONE)
    async with aclosing(views(frames, "porch", again=True)) as pictures:
        async for view in pictures:
            seen.append(view.jpeg)
            if len(seen) == 2:
                asyncio.get_running_loop().call_later(0.1, frames.put, "porch", TWO)
            if len(seen) == 4:
                break
    assert seen == [ONE, ONE, TWO, TWO]


@pytest.mark.parametrize(("interval_s", "after_s"), [(0.1, 20), (0.4, 10)])
async def test_a_fast_stream_is_given_more_time_before_a_picture_is_shown_twice(interval_s, after_s):
    now = [100.0]
    frames = LatestFrames(again_after_s=10, clock=lambda: now[0])
    watching = frames.watch("porch", lambda: None, again=True)
    for _ in range(6):
        frames.put("porch", ONE)
        now[0] += interval_s
    due_s = frames._cameras["porch"]._alarm.when() - asyncio.get_running_loop().time()
    assert due_s == pytest.approx(after_s, abs=1)
    watching.close()


async def test_the_notice_is_repeated_so_that_nobody_hangs_up():
    viewer = Viewer(LatestFrames(repeat_every_s=0.02))
    await until(lambda: len(viewer.seen) >= 3)
    assert set(viewer.kinds()) == {Kind.NONE}


async def test_a_first_picture_within_the_grace_spares_the_notice():
    frames = LatestFrames(grace_s=30)
    viewer = Viewer(frames)
    await asyncio.sleep(0)
    frames.put("porch", ONE)
    await until(lambda: viewer.seen)
    assert viewer.kinds() == [Kind.LIVE]


async def test_cameras_are_apart():
    frames = LatestFrames()
    frames.put("porch", ONE)
    frames.put("garden", TWO)
    assert (await first_view(frames, "porch")).jpeg == ONE
    assert (await frames.snapshot("garden")).jpeg == TWO and await frames.snapshot("attic") is None


async def test_what_lies_behind_the_end_is_not_shown():
    frames = LatestFrames()
    frames.put("porch", ONE + b"\0" * 512)
    assert (await frames.snapshot("porch")).jpeg == ONE


async def test_what_lies_behind_the_end_is_not_shown_to_who_already_looks():
    frames = LatestFrames()
    viewer = Viewer(frames)
    await asyncio.sleep(0)
    frames.put("porch", TWO + b"\0" * 512)
    await until(lambda: TWO in viewer.pictures())
    await viewer.leave()


@pytest.mark.parametrize("picture", [ONE[:-2], b"no picture"])
def test_a_picture_without_an_end_stays_as_it_is(picture):
    assert cut_tail(picture) == picture


async def test_viewers_get_the_tables_that_a_camera_left_out():
    frames = LatestFrames()
    frames.put("porch", without_tables(ONE) + bytes(9))
    assert (
        (await frames.snapshot("porch")).jpeg == jpeg.with_tables(without_tables(ONE)) != without_tables(ONE)
    )


async def test_the_figures_of_a_stream():
    now = [100.0]
    frames = LatestFrames(clock=lambda: now[0])
    for _ in range(21):
        frames.put("porch", ONE)
        now[0] += 0.1
    stats = await frames.stats("porch")
    assert stats.fps == pytest.approx(10, rel=0.05) and stats.bytes_per_s == pytest.approx(
        10 * len(ONE), rel=0.05
    )
    assert stats.age_s == pytest.approx(0.1) and (stats.frames, stats.viewers) == (21, 0)
    now[0] += 60
    assert (await frames.stats("porch")).fps == 0 and await frames.stats("attic") is None


async def test_a_forgotten_camera_is_no_longer_seen():
    frames = LatestFrames()
    frames.put("porch", ONE)
    viewer = Viewer(frames)
    await until(lambda: viewer.seen)
    frames.forget("porch")
    await until(lambda: viewer.kinds() == [Kind.LIVE, Kind.NONE])
    assert await frames.snapshot("porch") is None


async def test_nothing_is_left_when_the_last_viewer_is_gone():
    frames, before = LatestFrames(), asyncio.all_tasks()
    for _ in range(300):
        viewer = Viewer(frames)
        await asyncio.sleep(0)
        await viewer.leave()
    assert asyncio.all_tasks() == before and frames._cameras == {}
