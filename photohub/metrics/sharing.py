"""What several processes count, put together in Redis, so that whichever web process is asked tells of all of them.

    photohub:metrics:counted             hash: <measure>|<word>|<part> → number that only grows
    photohub:metrics:present:<process>   hash: <figure> → number now; gone when the process is silent
    photohub:metrics:processes           sorted set: process → when it last told, by the clock of Redis

A process adds what it counted since it last did, some seconds after there is something: a hub at rest sends nothing. Redis
that is away costs nothing but figures; what was not added yet is added later. Redis that was emptied begins at
zero, which Prometheus takes for a restart. What Redis took without saying so in time is added twice.
"""

import atexit
import contextlib
import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings

from photohub.lib.memory.later import later
from photohub.lib.messaging import measures
from photohub.lib.messaging.measures import Row

if TYPE_CHECKING:
    import redis
else:
    redis = later("redis")

log = logging.getLogger(__name__)

SHARED_EVERY_S = 5.0
# Several turns: one that Redis misses leaves no gap.
_BELIEVED_S = 30
_FORGOTTEN_S = 3600
_TIMEOUT_S = 1.0
_PREFIX = "photohub:metrics:"
_COUNTED, _PROCESSES = f"{_PREFIX}counted", f"{_PREFIX}processes"

Counted = dict[str, dict[str, Row]]


class Shared:
    """This process's part in it."""

    def __init__(self, url: str) -> None:
        self._process = uuid.uuid4().hex
        self._client = redis.Redis.from_url(
            url,
            decode_responses=True,
            max_connections=2,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            **settings.REDIS_KEEPALIVE,
        )
        self._lock = threading.Lock()
        # What was added so far, by field.
        self._added: defaultdict[str, float] = defaultdict(float)
        self._was_something = False
        self._timer: threading.Timer | None = None

    def look(self) -> None:
        """Something was counted: add it soon. Returns at once."""
        if self._timer is None:
            self._begin_timer()

    def _begin_timer(self) -> None:
        timer = threading.Timer(SHARED_EVERY_S, self._share_again)
        timer.daemon, timer.name = True, "photohub-metrics"
        self._timer = timer
        # The system may give no thread now; the next thing that is counted tries again.
        with contextlib.suppress(RuntimeError):
            timer.start()
            return
        self._timer = None

    def _share_again(self) -> None:
        self._timer = None
        try:
            more = self.share()
        except redis.RedisError as error:
            log.debug("What was counted could not be told (%s); it is told later.", type(error).__name__)
            more = True
        # A figure of the present is told again while it is one.
        if more and self._timer is None:
            self._begin_timer()

    def share(self) -> bool:
        """Add what this process counted since. Returns whether it has to be told again: something is going on here."""
        with self._lock:
            totals = dict(self._read())
            grown = {name: more for name, total in totals.items() if (more := total - self._added[name]) > 0}
            now = {figure.name: figure.read() for figure in measures.present()}
            something = any(now.values())
            if not (grown or something or self._was_something):
                return False
            self._send(grown, now)
            self._added.update({name: totals[name] for name in grown})
            self._was_something = something
            return something

    def _read(self) -> Iterator[tuple[str, float]]:
        for measure in measures.counted():
            for word, row in measure.read().items():
                for part, total in zip(measure.parts, row, strict=True):
                    yield f"{measure.name}|{word}|{part}", total

    def _send(self, grown: dict[str, float], now: dict[str, float]) -> None:
        at_s = self._client.time()[0]
        own = f"{_PREFIX}present:{self._process}"
        with self._client.pipeline(transaction=True) as pipe:
            for name, more in grown.items():
                pipe.hincrbyfloat(_COUNTED, name, more)
            for name, value in now.items():
                pipe.hset(own, name, value)
            pipe.expire(own, _BELIEVED_S)
            pipe.zadd(_PROCESSES, {self._process: at_s})
            pipe.zremrangebyscore(_PROCESSES, "-inf", at_s - _FORGOTTEN_S)
            pipe.execute()

    def read(self) -> tuple[Counted, dict[str, float]]:
        """Return what all processes counted, and the sums of their figures of the present. Raises RedisError."""
        self.share()
        at_s = self._client.time()[0]
        names = self._client.zrangebyscore(_PROCESSES, at_s - _BELIEVED_S, "+inf")
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hgetall(_COUNTED)
            for name in names:
                pipe.hgetall(f"{_PREFIX}present:{name}")
            counted, *told = pipe.execute()
        present: defaultdict[str, float] = defaultdict(float)
        for figures in told:
            for name, value in figures.items():
                present[name] += float(value)
        return _in_rows(counted), present


def _in_rows(counted: dict[str, str]) -> Counted:
    """Put the numbers into rows. What an older or newer version counted otherwise is passed over."""
    places = {each.name: {part: at for at, part in enumerate(each.parts)} for each in measures.counted()}
    found: Counted = {name: {} for name in places}
    for field, value in counted.items():
        name, word, part = field.split("|")
        if part in places.get(name, ()):
            row = found[name].setdefault(word, [0.0] * len(places[name]))
            row[places[name][part]] = float(value)
    return found


_shared: Shared | None = None


def begin() -> None:
    """Put together what processes count, from now on, where there may be several. Beginning again changes nothing."""
    if settings.REDIS_URL:
        measures.on_change(_look)
        atexit.register(_tell_the_last)


def shared() -> Shared | None:
    """Return this process's part in it; None where this process is the whole hub."""
    global _shared
    if _shared is None and settings.REDIS_URL:
        _shared = Shared(settings.REDIS_URL)
    return _shared


def _look() -> None:
    if (part := shared()) is not None:
        part.look()


def _tell_the_last() -> None:
    if _shared is not None:
        with contextlib.suppress(redis.RedisError):
            _shared.share()
