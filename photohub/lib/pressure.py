"""How busy the doors of this process are right now, so that work which can wait does."""

import math
import time

_MANY_AT_ONCE = 6
_MANY_PER_S = 40.0
_MEMORY_S = 1.0
_GAP_S = 0.02
_LOOK_AGAIN_S = 0.01

_uploads = 0
_rate = 0.0
_rated_at = 0.0


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
    """Tell whether cameras are being served in such numbers that previews should wait for a quieter moment."""
    return _uploads >= _MANY_AT_ONCE or rate_per_s() >= _MANY_PER_S
