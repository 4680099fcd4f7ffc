"""Live pictures put together: what the gateway takes in, and what every web process shows.

In one process both share the frames in memory; with Redis they share them through it.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from devices.events import overload
from devices.keys import identity, logins
from devices.registry import presence
from devices.registry.models import Device
from media_pipeline.captures.models import Source
from media_pipeline.links import shared_live
from media_pipeline.live import now as live_now
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.mjpeg import MjpegEndpoint
from media_pipeline.live.viewing import Viewing
from media_pipeline.live.wall import WallEndpoint
from media_pipeline.streams.frame_intake import FrameIntake
from media_pipeline.streams.links import StreamLinks
from media_pipeline.streams.pulls import Pulls
from media_pipeline.streams.tcp import StreamClaim, StreamEndpoint, StreamLimits
from photohub import asgi
from photohub.lib.clock import wait_at_most
from photohub.lib.database.db import in_thread
from photohub.lib.http.guessing import FailedTries
from photohub.lib.memory.later import later
from photohub.lib.pages.sentences import said

if TYPE_CHECKING:
    from redis import asyncio as redis

    from media_pipeline.live import redis as redis_frames
    from media_pipeline.live.redis import RedisFrames

    AnyFrames = LatestFrames | RedisFrames
else:
    redis, redis_frames = later("redis.asyncio"), later("media_pipeline.live.redis")

# Whoever connects with keys that do not exist costs the database nothing after a while.
_failed_tries = FailedTries(per_second=1, burst=20)
log = logging.getLogger(__name__)

_LOOK_EVERY_S = 10.0
_RETRY_S = 2.0
_REDIS_WAIT_S = 1.0
# Several times as long as a stream that runs is silent in its row.
_SILENT_FOR = timedelta(seconds=60)


def build_frames() -> "AnyFrames":
    """Return where this process keeps live pictures."""
    if not settings.REDIS_URL:
        return LatestFrames()
    # A page asks for all its cameras at once. Without a bound that was a connection for each of them.
    pool = redis.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=settings.REDIS_CONNECTIONS,
        timeout=_REDIS_WAIT_S,
        **settings.REDIS_KEEPALIVE,
    )
    return redis_frames.RedisFrames(redis.Redis.from_pool(pool))


@contextlib.asynccontextmanager
async def showing(frames: "AnyFrames"):
    """Show these live pictures on this process's pages while the body runs."""
    carrying = asyncio.create_task(frames.run()) if not isinstance(frames, LatestFrames) else None
    live_now.serve(frames, asyncio.get_running_loop())
    viewing = Viewing(frames)
    asgi.serve_streams_at(MjpegEndpoint(frames, viewing.authorise))
    asgi.serve_shared_streams_at(
        MjpegEndpoint(
            frames,
            shared_live.authorise,
            paths=shared_live.PATHS,
            recheck_every_s=shared_live.RECHECK_EVERY_S,
            of_one_path_at_most=shared_live.VIEWERS_AT_MOST,
        )
    )
    asgi.serve_wall_at(WallEndpoint(frames, viewing.codes_of))
    try:
        yield
    finally:
        live_now.serve(None, None)
        asgi.serve_streams_at(None)
        asgi.serve_shared_streams_at(None)
        asgi.serve_wall_at(None)
        if carrying is not None:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)


class Intake:
    """Everything through which frames come into this process: the TCP endpoint, the pulls, and the intake that MQTT uses."""

    def __init__(
        self,
        frames: "AnyFrames",
        listener: socket.socket,
        holds: Callable[[str], bool] | None = None,
        is_alone: Callable[[], bool] = lambda: True,
    ) -> None:
        """`holds`: which devices are this gateway's; `is_alone`: whether no other one has streams now."""
        self._frames = frames
        self._is_alone = is_alone
        self._listener = listener
        self._links = StreamLinks()
        self._looking = asyncio.Event()
        self._crowded = 0
        # Also by a process before this one.
        self._crowd_is_told = True
        self.frame_intake = FrameIntake(frames)
        self.endpoint = StreamEndpoint(
            _identify,
            self._take_from_endpoint,
            self._links.note,
            StreamLimits(connections=settings.STREAMS_AT_ONCE),
        )
        self.pulls = Pulls(self._take_from_pull, self._links.note, holds=holds)

    async def run(self) -> None:
        """Take frames in until cancelled."""
        await self._forget_streams()
        self.frame_intake.bind(asyncio.get_running_loop())
        await self.endpoint.start_on(self._listener)
        pulling = asyncio.create_task(self.pulls.run())
        try:
            while True:
                await self._put_out_who_may_not()
                await self._tell_of_crowds()
                await self._forget_silent()
                await wait_at_most(self._looking, _LOOK_EVERY_S)
                self._looking.clear()
        finally:
            pulling.cancel()
            await asyncio.gather(pulling, return_exceptions=True)
            await self.endpoint.stop()
            await self._links.stop()
            await self.frame_intake.drain()

    async def _forget_streams(self) -> None:
        """Forget what streamed before this start. While the database is away nobody could stream anyway."""
        while True:
            try:
                await in_thread(presence.forget_streams, None if self._is_alone() else _SILENT_FOR)
            except Exception as error:
                log.warning("The streams cannot begin yet: %s", error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _forget_silent(self) -> None:
        """Forget streams of a gateway that died. One of its cameras that came back is heard here or by another."""
        if self._is_alone():
            return
        try:
            await in_thread(presence.forget_streams, _SILENT_FOR)
        except Exception as error:
            log.warning("Which streams fell silent could not be looked up: %s", error)

    def look(self) -> None:
        """Look at the devices at once: one was changed or removed."""
        self._looking.set()
        self.pulls.look()

    def keep_next(self, code: str) -> None:
        """Make a capture of the device's next frame."""
        self.frame_intake.keep_next(code)

    def _take_from_endpoint(self, code: str, picture: bytes, address: str) -> None:
        self.frame_intake.take(code, picture, Source.TCP, address)

    def _take_from_pull(self, code: str, picture: bytes, address: str) -> None:
        self.frame_intake.take(code, picture, Source.PULL, address)

    async def _put_out_who_may_not(self) -> None:
        try:
            codes = {*self._frames.codes(), *self.endpoint.codes}
            if not codes:
                return
            enabled = await in_thread(_enabled_of, codes)
        except Exception as error:
            log.warning("The streaming devices could not be looked up: %s", error)
            return
        for code in codes - enabled:
            self.endpoint.drop(code, said("the device was turned off or removed"))
            self._frames.forget(code)
            self.frame_intake.forget(code)

    async def _tell_of_crowds(self) -> None:
        """Let the status page say that connections are refused, while they are."""
        refused, self._crowded = self.endpoint.crowded - self._crowded, self.endpoint.crowded
        if not (refused or self._crowd_is_told):
            return
        try:
            limit = self.endpoint.limits.connections
            self._crowd_is_told = await in_thread(overload.note, overload.STREAMS, refused, limit)
        except Exception as error:
            log.warning("That streams are refused could not be written down: %s", error)


def _enabled_of(codes: set[str]) -> set[str]:
    return set(Device.objects.filter(code__in=codes, enabled=True).values_list("code", flat=True))


async def _identify(claim: StreamClaim) -> str | None:
    return await in_thread(_whose, claim)


def _whose(claim: StreamClaim) -> str | None:
    """Return the code that a key proves, or the device at whose network the connection begins."""
    proof = claim.key or f"the camera at {claim.address}"
    if _failed_tries.wait_s(claim.address, proof):
        return None
    device = identity.find_device(claim.key) if claim.key else identity.find_by_network(claim.address)
    if device is None or (claim.key and device.code != claim.code):
        _failed_tries.missed(claim.address)
        if claim.key:
            logins.note_refused(logins.STREAM, claim.code, claim.address)
        return None
    _failed_tries.found(proof)
    return device.code if device.enabled else None
