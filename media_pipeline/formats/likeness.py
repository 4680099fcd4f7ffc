"""Runs of like pictures of one camera, told by their difference hashes. Pure.

Two pictures are alike when at most `LIKE_AT_MOST` of the 64 bits of their hashes differ. Of painted scenes, as JPEG, two
that were taken within a minute and a half differed in 0 to 6 bits (garden, greenhouse) or 8 to 15 (moving water, people at work),
two with some hours between in 11 to 35; hashes of unrelated pictures differ in 32 on average. Ten folds what stands
still and leaves apart where something moved. Each picture is compared with the first of its run, and not with the one before,
so that a slow dusk does not join day and night.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

LIKE_AT_MOST = 10
GAP_AT_MOST = timedelta(hours=1)
_ALL_BITS = 2**64 - 1


class Shot(NamedTuple):
    """What is known of a picture: no hash means that it is like no other. `day` keeps runs from going past midnight."""

    id: UUID
    camera: int
    at: datetime
    dhash: int | None
    day: object = None


@dataclass
class Run:
    """Pictures of one camera that follow each other and are alike, in the order in which they were given."""

    shots: list[Shot]

    @property
    def head(self) -> Shot:
        return self.shots[0]

    @property
    def tail(self) -> Shot:
        return self.shots[-1]


def distance(one: int, other: int) -> int:
    """Return how many bits differ; hashes may be signed, as they are stored."""
    return ((one ^ other) & _ALL_BITS).bit_count()


def are_alike(one: int | None, other: int | None, like_at_most: int = LIKE_AT_MOST) -> bool:
    """Tell whether two pictures look alike by their hashes; one without a hash is like no other."""
    return one is not None and other is not None and distance(one, other) <= like_at_most


class Runs:
    """Runs that grow, picture by picture, sorted by time either way; those of several cameras may be mixed."""

    def __init__(self, like_at_most: int = LIKE_AT_MOST) -> None:
        self.found: list[Run] = []
        self._open: dict[int, Run] = {}
        self._like_at_most = like_at_most

    def goes_on_with(self, shot: Shot) -> bool:
        """Tell whether this picture belongs to the newest run of its camera."""
        run = self._open.get(shot.camera)
        if run is None or run.head.day != shot.day or abs(run.tail.at - shot.at) > GAP_AT_MOST:
            return False
        return are_alike(run.head.dhash, shot.dhash, self._like_at_most)

    def add(self, shot: Shot) -> None:
        """Put a picture to the newest run of its camera, or begin one with it."""
        if self.goes_on_with(shot):
            self._open[shot.camera].shots.append(shot)
            return
        self._open[shot.camera] = Run([shot])
        self.found.append(self._open[shot.camera])


def runs_of(shots: Iterable[Shot], like_at_most: int = LIKE_AT_MOST) -> list[Run]:
    """Return the runs of these pictures."""
    runs = Runs(like_at_most)
    for shot in shots:
        runs.add(shot)
    return runs.found
