"""How many files and connections this process may have open."""

import resource

# More would only cost memory in tables.
_ENOUGH = 65_536


def allow_many() -> int:
    """Raise this process's limit as far as it may itself, and return it: systems begin with 1024, for old programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
