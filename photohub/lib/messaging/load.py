"""How busy the endpoints of this process are right now, so that work which can wait does."""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager

_MANY_AT_ONCE = 6
_MANY_PER_S = 40.0
_BUSY_SHARE = 0.5
_MEMORY_S = 1.0
_GAP_S = 0.02
_LOOK_AGAIN_S = 0.01

_uploads = 0
_rate = 0.0
_rated_at = 0.0
_storing = 0
_busy = 0.0
_busy_at = 0.0


def uploads() -> int:
    """Return the number of uploads in flight in this process."""
    return _uploads


def enter() -> None:
    """Count one more upload. Call from the loop."""
    global _uploads, _rate, _rated_at
    _uploads += 1
    _rate, _rated_at = rate_per_s() + 1 / _MEMORY_S, time.monotonic()


def leave() -> None:
    """Count one less."""
    global _uploads
    _uploads -= 1


@contextmanager
def storing() -> Generator[None]:
    """Note that a camera, whose picture is here, waits for the hub. Call from the loop."""
    _change_storing(1)
    try:
        yield
    finally:
        _change_storing(-1)


def _change_storing(by: int) -> None:
    global _storing, _busy, _busy_at
    _busy, _busy_at = busy_share(), time.monotonic()
    _storing += by


def busy_share() -> float:
    """Return in about how much of the last second a camera waited for the hub: near 1 when one sends without pause.

    Where the machine is slow, or others use it, such a camera's rate is low, and this alone tells. A slow wire does not
    count.
    """
    now = float(_storing > 0)
    return now + (_busy - now) * math.exp((_busy_at - time.monotonic()) / _MEMORY_S)


def rate_per_s() -> float:
    """Return about how many uploads began in the last second."""
    return _rate * math.exp((_rated_at - time.monotonic()) / _MEMORY_S)


def is_calm() -> bool:
    """Tell whether no upload is in flight and none began just now, as those of a camera do that sends without pause."""
    return not _uploads and time.monotonic() - _rated_at > _GAP_S


def wait_for_calm(at_most_s: float) -> None:
    """Wait in a thread of its own, so that who sends just now is served first."""
    until_s = time.monotonic() + at_most_s
    while not is_calm() and time.monotonic() < until_s:
        time.sleep(_LOOK_AGAIN_S)


def is_high() -> bool:
    """Tell whether cameras are being served in such numbers, or so long, that previews should wait."""
    return _uploads >= _MANY_AT_ONCE or rate_per_s() >= _MANY_PER_S or busy_share() >= _BUSY_SHARE
