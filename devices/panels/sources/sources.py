"""Pictures of the history, for rooms below it: the upper room says how one is read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from devices.registry.models import Device


@dataclass(frozen=True)
class Found:
    """A picture's bytes with what is written beside them. `reference` names it for people and programs."""

    picture: bytes
    reference: str
    taken_at: datetime | None = None


class UnknownSource(Exception):
    """There is no such picture, or the person may not see it, or its file is missing."""


_by_id: list[Callable[[object, str], Found | None]] = []
_newest: list[Callable[[Device], Found | None]] = []


def on_read(by_id: Callable[[object, str], Found | None], newest: Callable[[Device], Found | None]) -> None:
    """Let an upper room read pictures: `by_id(user, id)` with the person's rights, `newest(camera)` without."""
    if by_id not in _by_id:
        _by_id.append(by_id)
        _newest.append(newest)


def read_source(user, reference: str) -> Found:
    """Return the picture with this id. Raises UnknownSource."""
    for read in _by_id:
        if found := read(user, reference):
            return found
    raise UnknownSource(reference)


def read_newest(camera: Device) -> Found | None:
    """Return a camera's newest picture; None when it has none."""
    return next((found for read in _newest if (found := read(camera))), None)
