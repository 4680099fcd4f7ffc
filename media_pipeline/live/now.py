"""The live pictures of this process, for pages, which run in threads beside the loop."""

import asyncio
import logging
from collections.abc import Iterable

from .latest_frame import GONE_AFTER_S, Frames, Stats, View

log = logging.getLogger(__name__)

_WITHIN_S = 2.0

_frames: Frames | None = None
_loop: asyncio.AbstractEventLoop | None = None


def serve(frames: Frames | None, loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the live pictures that pages ask about, and the loop in which they are kept."""
    global _frames, _loop
    _frames, _loop = frames, loop


def stats_of(codes: Iterable[str]) -> dict[str, Stats]:
    """Return how the streams of these cameras go; those that do not stream are left out. Call from a thread."""
    if _frames is None or _loop is None or not _loop.is_running():
        return {}
    asked = asyncio.run_coroutine_threadsafe(collect(_frames, codes), _loop)
    try:
        return asked.result(_WITHIN_S)
    except TimeoutError:
        # Else what was asked for all pages would go on asking, page after page.
        asked.cancel()
        log.warning("The live pictures did not answer in time; pages do without.")
        return {}


def still_of(code: str) -> View | None:
    """Return the newest frame of a camera that streams now; None when there is none. Call from a thread."""
    if _frames is None or _loop is None or not _loop.is_running():
        return None
    asked = asyncio.run_coroutine_threadsafe(_snapshot(_frames, code), _loop)
    try:
        return asked.result(_WITHIN_S)
    except TimeoutError:
        asked.cancel()
        return None


async def _snapshot(frames: Frames, code: str) -> View | None:
    # Asked first, because a frame of a camera that does not stream would be waited for.
    stats = await frames.stats(code)
    return await frames.snapshot(code) if stats is not None and is_live(stats) else None


async def collect(frames: Frames, codes: Iterable[str]) -> dict[str, Stats]:
    """Return how the streams of these cameras go, in the loop."""
    wanted = list(codes)
    found = await asyncio.gather(*(frames.stats(code) for code in wanted))
    return {
        code: stats for code, stats in zip(wanted, found, strict=True) if stats is not None and is_live(stats)
    }


def is_live(stats: Stats) -> bool:
    """Tell whether a picture came so lately that the stream counts as running."""
    return stats.age_s is not None and stats.age_s < GONE_AFTER_S
