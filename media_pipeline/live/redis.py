"""Live pictures across processes: frames travel through Redis only while somebody looks at their camera.

    <prefix>watch:<code>    key with an expiry: some process has viewers of this camera (a lease, renewed)
    <prefix>asks            channel: the code of a camera that somebody began to look at
    <prefix>frame:<code>    channel: sequence(u64 big) age in s(f64) received at, unix s(f64) JPEG
    <prefix>stats:<code>    key with an expiry: JSON of the camera's figures

One subscription per camera and process, however many viewers it has. A picture that Redis cannot take in time
is replaced by the next one: only the newest waits. Nothing depends on Redis but the view itself.
"""

import asyncio
import json
import logging
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from photohub.lib.clock import wait_at_most

from .latest_frame import LatestFrames, Stats, View, Watching

log = logging.getLogger(__name__)

LEASE_S = 10
RENEW_EVERY_S = 3.0
LOOK_EVERY_S = 1.0
STATS_EVERY_S = 2.0
SNAPSHOT_WITHIN_S = 1.5
_GRACE_S = 1.0
_PAUSE_S = 1.0
_HEADER = struct.Struct(">Qdd")


class RedisFrames:
    """The same as LatestFrames over several processes. `run()` must be running in each of them."""

    def __init__(
        self, redis: Redis, *, prefix: str = "photohub:live:", local: LatestFrames | None = None
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        # What this process receives from its own cameras, and what it sees of others' through Redis.
        self._own = LatestFrames()
        self._seen = local or LatestFrames(grace_s=_GRACE_S)
        self._wanted: set[str] = set()
        self._pending: set[str] = set()
        self._to_send = asyncio.Event()
        self._begun = asyncio.Event()
        # How many look at each camera here, and whose frames Redis was asked for.
        self._interest: Counter[str] = Counter()
        self._followed: set[str] = set()
        self._to_follow = asyncio.Event()
        self._pubsub: PubSub | None = None
        self.listening = asyncio.Event()

    # --- for endpoints and pages

    def put(self, code: str, picture: bytes) -> None:
        """Take a camera's newest picture. Call from the loop; it never waits."""
        if self._own.newest(code) is None:
            self._begun.set()
        self._own.put(code, picture)
        if code in self._wanted:
            self._pending.add(code)
            self._to_send.set()

    def watch(self, code: str, wake: Callable[[], None], *, again: bool = False) -> Watching:
        """Begin to look, from the loop. `wake` is called there when there may be something to take."""
        self._interest[code] += 1
        if self._interest[code] == 1:
            self._to_follow.set()
        return _Watch(self._seen.watch(code, wake, again=again), lambda: self._look_away(code))

    async def snapshot(self, code: str) -> View | None:
        """Return the newest picture, however old; None when none comes in time."""
        if (own := self._own.newest(code)) is not None:
            return own
        came = asyncio.Event()
        watching = self.watch(code, came.set)
        try:
            async with asyncio.timeout(SNAPSHOT_WITHIN_S):
                while (newest := self._seen.newest(code)) is None:
                    await came.wait()
                    came.clear()
        except TimeoutError:
            return None
        finally:
            watching.close()
        return newest

    async def stats(self, code: str) -> Stats | None:
        """Return how the stream goes; the viewers are those of this process."""
        stats = await self._own.stats(code)
        if stats is None:
            try:
                stored = await self._redis.get(self._key("stats", code))
            except (RedisError, OSError):
                return None
            stats = Stats(**json.loads(stored)) if stored else None
        if stats is None:
            return None
        return Stats(**{**asdict(stats), "viewers": self._seen.viewers(code)})

    def forget(self, code: str) -> None:
        """Drop what is held of a camera."""
        self._own.forget(code)
        self._seen.forget(code)

    def codes(self) -> list[str]:
        """Return the cameras that this process itself hears."""
        return self._own.codes()

    async def run(self) -> None:
        """Carry frames in and out until cancelled; a Redis that is away is tried again and again."""
        async with asyncio.TaskGroup() as group:
            for work in (
                self._listen,
                self._follow,
                self._send,
                self._look_who_watches,
                self._renew,
                self._tell_stats,
            ):
                group.create_task(self._keep(work))

    async def _keep(self, work) -> None:
        complained = False
        while not _is_to_stop():
            try:
                await work()
                complained = False
            except asyncio.CancelledError:
                # Only a cancellation of this task ends it: another work's, as the library may let out, does not.
                if _is_to_stop():
                    raise
            except (RedisError, OSError) as error:
                if not complained:
                    log.warning("Redis is away (%s); live pictures of other processes stand still.", error)
                complained = True
                await asyncio.sleep(_PAUSE_S)
            except Exception:
                # One that ended would take the others along: nobody saw a live picture of another process again.
                if not complained:
                    log.exception("Live pictures of other processes could not be carried; the hub goes on.")
                complained = True
                await asyncio.sleep(_PAUSE_S)

    # --- what this process looks at

    def _look_away(self, code: str) -> None:
        self._interest[code] -= 1
        if self._interest[code] == 0:
            del self._interest[code]
            self._seen.forget(code)
            self._to_follow.set()

    async def _follow(self) -> None:
        """Ask Redis for the frames of those cameras that somebody looks at, and of no others."""
        await self._to_follow.wait()
        self._to_follow.clear()
        pubsub, followed, wanted = self._pubsub, self._followed, set(self._interest)
        if pubsub is None:
            return  # The listener sets the event when it comes back.
        try:
            for code in wanted - followed:
                await pubsub.subscribe(self._key("frame", code))
                followed.add(code)
            for code in followed - wanted:
                await pubsub.unsubscribe(self._key("frame", code))
                followed.discard(code)
        except (RedisError, OSError):
            self._to_follow.set()
            raise

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(self._prefix + "asks")
            self._pubsub, self._followed = pubsub, set()
            self._to_follow.set()
            try:
                while not _is_to_stop():
                    message = await pubsub.get_message(timeout=5.0)
                    if message is not None:
                        await self._hear(message)
            finally:
                self._pubsub = None
                self.listening.clear()

    async def _hear(self, message: dict) -> None:
        channel, data = _text(message["channel"]), message["data"]
        about_frames = channel.startswith(self._prefix + "frame:")
        if message["type"] == "subscribe":
            # Asking only now loses nothing: the answer cannot come before we listen.
            if about_frames:
                await self._ask(channel.removeprefix(self._prefix + "frame:"))
            else:
                self.listening.set()
        elif message["type"] == "message" and about_frames:
            self._take(channel.removeprefix(self._prefix + "frame:"), data)
        elif message["type"] == "message":
            self._want(_text(data))

    def _take(self, code: str, data: bytes) -> None:
        if code not in self._interest or len(data) < _HEADER.size:
            return
        sequence, age_s, received_at = _HEADER.unpack_from(data)
        newest = self._seen.newest(code)
        # Another process began to look and was sent the frame that we have.
        if newest is None or (newest.sequence, newest.received_at) != (sequence, received_at):
            self._seen.take(code, data[_HEADER.size :], sequence, age_s, received_at)

    async def _ask(self, code: str) -> None:
        await self._redis.set(self._key("watch", code), 1, ex=LEASE_S)
        await self._redis.publish(self._prefix + "asks", code)

    async def _renew(self) -> None:
        await asyncio.sleep(RENEW_EVERY_S)
        for code in list(self._interest):
            await self._redis.set(self._key("watch", code), 1, ex=LEASE_S)

    # --- what this process sends

    def _want(self, code: str) -> None:
        if self._own.newest(code) is not None:
            self._pending.add(code)
            self._to_send.set()
        self._wanted.add(code)

    async def _look_who_watches(self) -> None:
        await asyncio.sleep(LOOK_EVERY_S)
        codes = self._own.codes()
        leases = await self._redis.mget([self._key("watch", code) for code in codes]) if codes else []
        self._wanted = {code for code, lease in zip(codes, leases, strict=True) if lease}

    async def _send(self) -> None:
        await self._to_send.wait()
        self._to_send.clear()
        while self._pending:
            code = self._pending.pop()
            frame = self._own.newest(code)
            if frame is not None:
                header = _HEADER.pack(frame.sequence, frame.age_s() or 0.0, frame.received_at or time.time())
                await self._redis.publish(self._key("frame", code), header + frame.jpeg)

    async def _tell_stats(self) -> None:
        # At once for a camera that has begun: who sees its pictures may press a button that asks whether it is live.
        await wait_at_most(self._begun, STATS_EVERY_S)
        self._begun.clear()
        for code in self._own.codes():
            stats = await self._own.stats(code)
            if stats is not None and stats.fps > 0:
                await self._redis.set(self._key("stats", code), json.dumps(asdict(stats)), ex=10)

    def _key(self, what: str, code: str) -> str:
        return f"{self._prefix}{what}:{code}"


class _Watch:
    """A look at a camera that may be in another process."""

    __slots__ = ("_left", "_watching", "take")

    def __init__(self, watching: Watching, left: Callable[[], None]) -> None:
        self._watching = watching
        self._left: Callable[[], None] | None = left
        self.take = watching.take

    def close(self) -> None:
        """Look no more."""
        self._watching.close()
        if self._left is not None:
            left, self._left = self._left, None
            left()


def _is_to_stop() -> bool:
    """Tell whether this task was cancelled: redis-py's `wait_for` may lose that under Python 3.11."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data
