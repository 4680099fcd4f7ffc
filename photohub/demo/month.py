"""What the demo's cameras saw in the month before: which picture when, and what went wrong. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulators.past import CUT_SHORT, DARK

from .cast import CAMERAS, Camera

DAYS = 30
_WAKES, _SLEEPS = 6, 21  # hours
# In the last nights the yard is watched closely: many pictures of nothing, as real cameras send them.
_WATCHED, _WATCHED_DAYS, _WATCHED_EVERY_MIN, _WATCHED_HOURS = "demo-yard", 2, 10, range(0, 5)
# A camera whose cable was pulled: days before the end, from and to.
_AWAY = {"demo-workshop": (12.3, 9.6)}
# A hat on the lens: days before the end, and for how many hours.
_COVERED = {"demo-jetty": (6.4, 5)}
_ONE_CUT_SHORT_IN = 150


@dataclass(frozen=True)
class Moment:
    """One picture of the past."""

    camera: Camera
    at: datetime
    number: int
    fault: str = ""

    @property
    def name(self) -> str:
        """The picture's name; with the camera it says which moment this is, in whichever zone the hub lives."""
        return f"{self.at.astimezone(UTC):%Y%m%d-%H%M}.jpg"

    def wish(self) -> dict:
        """What `simulators.past` wants to know; the clock of the camera is that of `at`."""
        offset = self.at.utcoffset()
        return {
            "scene": self.camera.scene,
            "camera": self.camera.name,
            "seed": self.camera.seed,
            "at": self.at.timestamp(),
            "frame": self.number,
            "offset_s": offset.total_seconds() if offset else 0,
            "fault": self.fault,
        }


def moments(end: datetime) -> list[Moment]:
    """Return the month before `end`, a time with its zone, newest first: what people look at first is there first."""
    found = [moment for camera in CAMERAS for moment in _of(camera, end)]
    return sorted(found, key=lambda moment: moment.at, reverse=True)


def _of(camera: Camera, end: datetime) -> Iterator[Moment]:
    luck = random.Random(camera.seed)
    # A few minutes apart from the others, so that a day does not look ruled.
    at = (end - timedelta(days=DAYS)).replace(minute=luck.randrange(60), second=0, microsecond=0)
    number = 0
    while at < end - timedelta(minutes=5):
        number += 1
        days_before = (end - at) / timedelta(days=1)
        if not _is_silent(camera, at, days_before):
            yield Moment(camera, at, number, _fault(camera, days_before, luck))
        at += timedelta(minutes=_pause_min(camera, at, days_before))


def _is_silent(camera: Camera, at: datetime, days_before: float) -> bool:
    first, last = _AWAY.get(camera.code, (0, 0))
    asleep = camera.sleeps and not _WAKES <= at.hour < _SLEEPS
    return asleep or last < days_before < first


def _fault(camera: Camera, days_before: float, luck: random.Random) -> str:
    begun, hours = _COVERED.get(camera.code, (0, 0))
    if begun - hours / 24 < days_before < begun:
        return DARK
    return CUT_SHORT if luck.randrange(_ONE_CUT_SHORT_IN) == 0 else ""


def _pause_min(camera: Camera, at: datetime, days_before: float) -> int:
    watched = camera.code == _WATCHED and days_before < _WATCHED_DAYS and at.hour in _WATCHED_HOURS
    return _WATCHED_EVERY_MIN if watched else camera.every_min
