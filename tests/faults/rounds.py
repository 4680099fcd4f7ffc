"""How often a fault is repeated: a few times in the suite, twenty times as often in its long form."""

import os

LONG = "long"
TIMES = 20


def is_long() -> bool:
    """Tell whether this is `manage.py test long`, which sets PHOTOHUB_FAULTS=long."""
    return os.environ.get("PHOTOHUB_FAULTS") == LONG


def rounds(few: int) -> int:
    """Return how often to do what the short form does `few` times."""
    return few * TIMES if is_long() else few


def kills(few: int, many: int) -> int:
    """Return how often to kill: `few` times, `many` in the long form, or as often as PHOTOHUB_KILLS says."""
    return int(os.environ.get("PHOTOHUB_KILLS", 0)) or (many if is_long() else few)
