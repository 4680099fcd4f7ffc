"""How busy the doors of this process are right now, so that work which can wait does."""

import math
import time

_MANY_AT_ONCE = 6
_MANY_PER_S = 40.0
_MEMORY_S = 1.0

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


def is_high() -> bool:
    """Tell whether cameras are being served in such numbers that previews should wait for a quieter moment."""
    return _uploads >= _MANY_AT_ONCE or rate_per_s() >= _MANY_PER_S
