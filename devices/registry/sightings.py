"""What uploads say of their devices, written down after the pictures' commit and for many devices at once.

A picture's own transaction changes no row of a device, so it waits for nobody who does. A process that dies in between
loses a sighting; the firmware version comes again with the next upload.
"""

import logging
import threading

from django.db import DatabaseError, InterfaceError

from . import presence
from .models import Device

log = logging.getLogger(__name__)

DEVICES_AT_MOST = 10_000


class Sightings:
    """What waits to be written: one entry for each device, the latest word of each kind."""

    def __init__(self) -> None:
        self._waiting: dict[int, presence.Sighting] = {}
        self._lock = threading.Lock()

    def note(self, device: Device, *, address: str = "", telemetry: dict | None = None) -> None:
        """Take what a device said, if it is news. Never waits for the database."""
        said = presence.news_of(device, address=address, telemetry=telemetry or {})
        if said is None:
            return
        with self._lock:
            self._add(said)

    def _add(self, said: presence.Sighting) -> None:
        before = self._waiting.get(said.device.pk)
        if before is not None:
            sample = said.sample.with_earlier(before.sample) if said.sample else before.sample
            said = presence.Sighting(said.device, said.at, {**before.values, **said.values}, sample)
        elif len(self._waiting) >= DEVICES_AT_MOST:
            return
        self._waiting[said.device.pk] = said

    def write(self) -> None:
        """Write down what waits. Never raises: what could not be written waits for the next turn."""
        with self._lock:
            taken, self._waiting = self._waiting, {}
        if not taken:
            return
        try:
            presence.write_all(list(taken.values()))
        except (DatabaseError, InterfaceError) as error:
            log.warning("What was heard of %s devices is written down later: %s", len(taken), error)
            with self._lock:
                newer, self._waiting = self._waiting, taken
                for said in newer.values():
                    self._add(said)
        except Exception:
            log.exception("What was heard of %s devices could not be written down.", len(taken))


sightings = Sightings()
