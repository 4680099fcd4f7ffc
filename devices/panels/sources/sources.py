"""Pictures of the history, for rooms below it: the upper room says how one is read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from devices.registry.models import Device
from photohub.lib.pages.sentences import Said, said


@dataclass(frozen=True)
class Found:
    """A picture's bytes with what is written beside them. `reference` names it for people and programs."""

    picture: bytes
    reference: str
    taken_at: datetime | None = None


class UnknownSource(Exception):
    """There is no such picture, or the person may not see it, or its file is missing. `said` says so to people."""

    said = said("There is no such picture, you may not see it, or its file is missing.")


class SourceAway(UnknownSource):
    """The picture's file is on a machine of the hub that does not answer now."""

    def __init__(self, sentence: Said) -> None:
        super().__init__(sentence)
        self.said = sentence


_by_id: list[Callable[[object, str], Found | None]] = []
_newest: list[Callable[[Device], Found | None]] = []
_trashed: list[Callable[[set[str]], set[str]]] = []


def on_read(by_id: Callable[[object, str], Found | None], newest: Callable[[Device], Found | None]) -> None:
    """Let an upper room read pictures: `by_id(user, id)` with the person's rights, `newest(camera)` without."""
    if by_id not in _by_id:
        _by_id.append(by_id)
        _newest.append(newest)


def on_trash(trashed_among: Callable[[set[str]], set[str]]) -> None:
    """Let an upper room tell which of these bytes, by their SHA-256, are pictures that lie in the trash."""
    if trashed_among not in _trashed:
        _trashed.append(trashed_among)


def trashed_among(hashes: Iterable[str]) -> set[str]:
    """Return the hashes of pictures that lie in the trash: nobody is shown those."""
    wanted = {sha256 for sha256 in hashes if sha256}
    return {sha256 for ask in _trashed for sha256 in ask(wanted)} if wanted else set()


def read_source(user, reference: str) -> Found:
    """Return the picture with this id. Raises UnknownSource, or SourceAway."""
    for read in _by_id:
        if found := read(user, reference):
            return found
    raise UnknownSource(reference)


def read_newest(camera: Device) -> Found | None:
    """Return a camera's newest picture; None when it has none. Raises SourceAway."""
    return next((found for read in _newest if (found := read(camera))), None)
