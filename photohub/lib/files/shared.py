"""Files under the SHA-256 of their bytes that every machine of a hub may need: an upper room says how they get about.

A hub with one data folder shares nothing: what is offered is taken note of by nobody, and nothing is found elsewhere.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol

Kind = Literal["firmware", "panel"]


class NotShared(Exception):
    """No other place has these bytes."""


class SharedAway(Exception):
    """These bytes are in a place that does not answer now. They may be had in a moment."""


class Sharing(Protocol):
    """How files get from one machine to another."""

    def is_on(self) -> bool: ...
    def offer(self, kind: Kind, sha256: str, path: Path) -> bool: ...
    def touch(self, kind: Kind, sha256: str) -> bool: ...
    def fetch(self, kind: Kind, sha256: str, at_most: int) -> bytes: ...
    def adopt(self, kind: Kind, hashes: Iterable[str]) -> set[str]: ...


class _Alone:
    """The one machine of a hub."""

    def is_on(self) -> bool:
        return False

    def offer(self, kind: Kind, sha256: str, path: Path) -> bool:
        return True

    def touch(self, kind: Kind, sha256: str) -> bool:
        return False

    def fetch(self, kind: Kind, sha256: str, at_most: int) -> bytes:
        raise NotShared(sha256)

    def adopt(self, kind: Kind, hashes: Iterable[str]) -> set[str]:
        return set()


_alone = _Alone()
_sharing: Sharing = _alone


def share_with(sharing: Sharing) -> None:
    """Let an upper room see to it that other machines get these files."""
    global _sharing
    _sharing = sharing


def _now() -> Sharing:
    return _sharing if _sharing.is_on() else _alone


def is_on() -> bool:
    """Tell whether there may be other machines."""
    return _sharing.is_on()


def offer(kind: Kind, sha256: str, path: Path) -> bool:
    """Let other machines have this file, before a row names it. False when only this machine can hand it out so far."""
    return _now().offer(kind, sha256, path)


def touch(kind: Kind, sha256: str) -> bool:
    """Tell whether some other place has these bytes, and keep them from being taken for forgotten ones."""
    return _now().touch(kind, sha256)


def fetch(kind: Kind, sha256: str, at_most: int) -> bytes:
    """Return these bytes from elsewhere, proved. Raises NotShared, or SharedAway."""
    return _now().fetch(kind, sha256, at_most)


def adopt(kind: Kind, hashes: Iterable[str]) -> set[str]:
    """Offer files of this machine that somebody needs and nobody offered; return those that it may give up."""
    return _now().adopt(kind, hashes)
