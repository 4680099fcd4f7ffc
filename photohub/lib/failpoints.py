"""Named points between two steps, where a test can end, break or hold up this process.

    PHOTOHUB_FAIL=ingest.renamed:kill            SIGKILL to itself at this point
    PHOTOHUB_FAIL=ingest.written:raise:ENOSPC    an OSError with this errno; a RuntimeError without one
    PHOTOHUB_FAIL=mirror.put:sleep:2.5           hold the thread up, in seconds (default 1)
    PHOTOHUB_FAIL=ingest.synced:kill@3,…         only at the third time; several points with commas

The variable belongs to the suite and is no setting, so it is read here, once. Without it `hit` does nothing.
"""

import errno
import os
import re
import signal
import time
from dataclasses import dataclass

_FORM = re.compile(
    r"(?P<point>[a-z_.]+):(?P<action>kill|raise|sleep)(?::(?P<detail>[A-Z]+|[\d.]+))?(?:@(?P<only_at>\d+))?"
)


@dataclass
class Fault:
    """What happens at one point, at every time or only at the n-th."""

    action: str
    detail: str = ""
    only_at: int | None = None
    times: int = 0

    def strike(self, point: str) -> None:
        """Do it, if it is this time's turn."""
        self.times += 1
        if self.only_at not in (None, self.times):
            return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "sleep":
            time.sleep(float(self.detail or 1))
        elif self.detail:
            raise OSError(
                getattr(errno, self.detail), f"{os.strerror(getattr(errno, self.detail))} (at {point})"
            )
        else:
            raise RuntimeError(f"The failpoint {point} was asked to raise.")


def read_faults(text: str) -> dict[str, Fault]:
    """Read the variable. Raises ValueError: a mistyped point would let a test pass that tests nothing."""
    faults = {}
    for part in filter(None, text.split(",")):
        match = _FORM.fullmatch(part.strip())
        if match is None or ((match["detail"] or "").isalpha() and not hasattr(errno, match["detail"])):
            raise ValueError(
                f"PHOTOHUB_FAIL: {part!r} is not point:kill, point:raise[:ERRNO] or point:sleep[:seconds]"
            )
        only_at = int(match["only_at"]) if match["only_at"] else None
        faults[match["point"]] = Fault(match["action"], match["detail"] or "", only_at)
    return faults


_faults = read_faults(os.environ.get("PHOTOHUB_FAIL", ""))


def _strike(point: str) -> None:
    if fault := _faults.get(point):
        fault.strike(point)


def _pass(point: str) -> None:
    """Do nothing: there is no fault to cause in this process."""


hit = _strike if _faults else _pass
