"""How often a fault is repeated: a few times in the suite, twenty times as often with PHOTOHUB_FAULTS=long."""

import os

LONG = "long"
TIMES = 20


def rounds(few: int) -> int:
    """Return how often to do what the short form does `few` times."""
    return few * TIMES if os.environ.get("PHOTOHUB_FAULTS") == LONG else few
