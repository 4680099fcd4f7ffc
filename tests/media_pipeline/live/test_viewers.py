import asyncio
from collections.abc import Callable

import pytest

from media_pipeline.live.latest_frame import Kind, LatestFrames, View
from media_pipeline.live.viewers import OPENING, SLICE_BYTES, DirectViewer, Gallery, Packer, chunk
from tests.builders import make_jpeg
from tests.waiting import until

ONE, TWO, THREE = (make_jpeg(text=text) for text in ("one", "two", "three"))


class FakeBody:
    """A connection that can be written to: `stop` it, and it takes one more piece and no others."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.stopped = self.is_cut = False
        self.untaken_bytes = 0
        self.on_free: Callable[[], None] | None = None
        self.begun = asyncio.Event()

    @property
    def is_free(self) -> bool:
        return not self.untaken_bytes

    def begin_direct(self, on_free: Callable[[], None]) -> None:
        self.on_free = on_free
        self.begun.set()

    def end_direct(self) -> None:
        self.on_free = None

    def write_direct(self, data: bytes) -> None:
        self.pieces.append(data)
        if self.stopped:
            self.untaken_bytes += len(data)

    def cut_off(self) -> None:
        self.is_cut = True

    def go_on(self) -> None:
        self.stopped, self.untaken_bytes = False, 0
        self.on_free()

    def taken(self) -> bytes:
        return b"".join(self.pieces)


async def may_stay() -> bool:
    return True


def look(frames: LatestFrames, ask=may_stay) -> tuple[FakeBody, DirectViewer]:
    body = FakeBody()
    viewer = DirectViewer(body, Packer(chunked=False), "ann", ask)
    viewer.look(frames.watch("porch", viewer.wake, again=True))
    return body, viewer


async def test_each_frame_is_written_as_it_comes():
    frames = LatestFrames()
    frames.put("porch", ONE)
    body, viewer = look(frames)
    frames.put("porch", TWO)
    assert body.pieces[0] == OPENING and [ONE in body.pieces[1], TWO in body.pieces[2]] == [True, True]
    viewer.close()


async def test_a_viewer_that_was_slow_gets_the_newest_and_holds_one_piece_meanwhile():
    frames = LatestFrames()
    body, viewer = look(frames)
    body.stopped = True
    for picture in (ONE, TWO, THREE):
        frames.put("porch", picture)
    assert ONE in body.taken() and TWO not in body.taken() and THREE not in body.taken()
    body.go_on()
    assert THREE in body.taken() and TWO not in body.taken()
    viewer.close()


async def test_who_left_is_given_nothing():
    frames = LatestFrames()
    body, viewer = look(frames)
    viewer.close()
    frames.put("porch", ONE)
    viewer.wake()
    assert body.taken() == OPENING and frames.viewers("porch") == 0


def test_a_picture_is_packed_once_for_all_and_in_slices():
    packer, view = Packer(chunked=True), View(Kind.LIVE, bytes(3 * SLICE_BYTES))
    pieces = packer.pieces_of(view)
    assert packer.pieces_of(view) is pieces and len(pieces) == 4
    assert max(map(len, pieces)) < SLICE_BYTES + 20
    assert pieces[1] == chunk(bytes(SLICE_BYTES)) and pieces[1].startswith(b"40000\r\n")


def test_a_packer_is_shared_by_those_who_get_the_same_form():
    gallery = Gallery(recheck_every_s=8, stalled_after_s=10)
    one = gallery.packer("porch", chunked=True)
    assert gallery.packer("porch", chunked=True) is one
    assert (
        gallery.packer("porch", chunked=False) is not one and gallery.packer("barn", chunked=True) is not one
    )


@pytest.mark.parametrize("trickles", [False, True])
async def test_who_takes_nothing_is_ended_and_who_takes_little_is_not(trickles):
    frames, gallery = LatestFrames(), Gallery(recheck_every_s=8, stalled_after_s=0.2)
    body, viewer = look(frames)
    gallery.enter(viewer)
    body.stopped = True
    frames.put("porch", ONE)
    for _ in range(50):
        body.untaken_bytes -= trickles
        await asyncio.sleep(0.01)
    assert viewer.ended.done() is not trickles
    gallery.leave(viewer)
    viewer.close()


async def test_a_right_that_ended_ends_the_stream_politely():
    async def may_not_stay() -> bool:
        return False

    gallery = Gallery(recheck_every_s=0.1, stalled_after_s=9)
    body, viewer = look(LatestFrames(), may_not_stay)
    gallery.enter(viewer)
    assert await asyncio.wait_for(viewer.ended, 5) is False and not body.is_cut
    gallery.leave(viewer)
    viewer.close()


async def test_one_question_serves_all_of_a_group():
    asked: list[int] = []

    async def ask() -> bool:
        asked.append(1)
        return False

    gallery, viewers = Gallery(recheck_every_s=0.1, stalled_after_s=9), []
    for _ in range(5):
        viewers.append(look(LatestFrames(), ask)[1])
        gallery.enter(viewers[-1])
    await until(lambda: all(viewer.ended.done() for viewer in viewers))
    assert len(asked) == 1
    for viewer in viewers:
        gallery.leave(viewer)


async def test_rights_that_cannot_be_asked_do_not_end_the_asking():
    asked: list[int] = []

    async def stumble() -> bool:
        asked.append(1)
        raise RuntimeError("stumbled")

    gallery = Gallery(recheck_every_s=0.05, stalled_after_s=9)
    _body, viewer = look(LatestFrames(), stumble)
    gallery.enter(viewer)
    await until(lambda: len(asked) > 2)
    gallery.leave(viewer)
    viewer.close()


async def test_nothing_runs_when_nobody_looks():
    gallery, before = Gallery(recheck_every_s=0.05, stalled_after_s=9), asyncio.all_tasks()
    _body, viewer = look(LatestFrames())
    gallery.enter(viewer)
    await asyncio.sleep(0.1)
    gallery.leave(viewer)
    viewer.close()
    await until(lambda: asyncio.all_tasks() == before)
    assert gallery._timer is None and len(gallery) == 0
