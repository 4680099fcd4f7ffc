"""What the upload endpoint remembers between two pictures of the same camera."""

import time

from devices.keys import identity


class KeyMemory:
    """Keys that were found to be good within the last seconds. `ingest` asks the database again before it stores."""

    def __init__(self, lasts_s: float = 5.0, at_most: int = 10_000) -> None:
        self._lasts_s, self._at_most = lasts_s, at_most
        self._known: dict[str, tuple[float, identity.Known]] = {}

    def get(self, key: str) -> identity.Known | None:
        """Return whose key this is, when that was found lately."""
        until, known = self._known.get(key, (0.0, None))
        return known if time.monotonic() < until else None

    def remember(self, key: str, known: identity.Known | None) -> identity.Known | None:
        """Keep what was found, if it is a key that is good here; returns it."""
        if known is not None and known.keyed and known.device.enabled:
            if len(self._known) >= self._at_most:
                self._known.clear()
            self._known[key] = (time.monotonic() + self._lasts_s, known)
        return known

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()
