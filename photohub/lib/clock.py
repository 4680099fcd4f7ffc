"""A clock that may jump: what is due by it, and what can be known without it.

A row's time of the next try lies at most one longest pause ahead, and a lease at most its length. One that lies further
ahead was written while the clock was wrong, or was written by the right clock before a wrong one; either way it binds
nobody.
"""

from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Q

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UPTIME = Path("/proc/uptime")


def is_due(field: str, longest_pause_s: float, now: datetime) -> Q:
    """Return the condition that the time in this column has come, or cannot be right."""
    latest = now + timedelta(seconds=longest_pause_s)
    return Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": latest})


def is_held(field: str, lease_s: float, now: datetime) -> Q:
    """Return the condition that a lease in this column holds now."""
    return Q(**{f"{field}__gt": now, f"{field}__lte": now + timedelta(seconds=lease_s)})


def uptime() -> tuple[str, float] | None:
    """Return the name of this boot and the seconds since then, sleep included; None where the system does not tell.

    Read from the kernel's files: no library between us and the clock can move these.
    """
    try:
        return _BOOT_ID.read_text().strip(), float(_UPTIME.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
