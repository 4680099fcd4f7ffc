"""How the C library keeps the memory of this process: little of it aside, and large pieces given back.

Left alone, glibc makes an arena for each thread, and after the first picture of some megabytes keeps all up to that size in
them. What twenty threads leave free in many arenas is never used again: 30 pictures a second cost a megabyte a minute.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 256 * 1024
_ARENAS = 2


def keep_small() -> bool:
    """Bound it. Call before there are threads; False where the C library knows no such thing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    options = {_ARENA_MAX: _ARENAS, _MMAP_THRESHOLD: _LARGE_BYTES, _TRIM_THRESHOLD: _LARGE_BYTES}
    return all(mallopt(option, value) == 1 for option, value in options.items())
