"""Which gateway holds which devices, where several share them.

Of the gateways that live, a device belongs to the one whose name hashes highest together with the device's code
(rendezvous hashing). So when one comes or goes, only its own devices move, and all gateways say the same without a word
between them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

# More would be a hub of another size; then the codes are hashed again each time.
_REMEMBERED_AT_MOST = 200_000


def owner_of(code: str, names: Iterable[str]) -> str:
    """Return which of these gateways holds the device."""
    return max(names, key=lambda name: (_weight(name, code), name))


def _weight(name: str, code: str) -> bytes:
    return hashlib.blake2b(f"{name}\n{code}".encode(), digest_size=8).digest()


@dataclass(frozen=True)
class Share:
    """What one gateway holds, of these that live."""

    own: str
    names: frozenset[str]
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether all devices are its own, so that none has to be told from the others."""
        return self.names == {self.own}

    def holds(self, code: str) -> bool:
        """Tell whether the device is this gateway's."""
        if self.is_whole:
            return True
        if not self.names:
            return False
        if len(self._known) >= _REMEMBERED_AT_MOST:
            self._known.clear()
        known = self._known.get(code)
        if known is None:
            known = self._known[code] = owner_of(code, self.names) == self.own
        return known


# Of a hub with one gateway that knows of no others.
WHOLE = Share("", frozenset({""}))
