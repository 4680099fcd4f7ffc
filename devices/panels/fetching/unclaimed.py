"""Panels that ask to be added: the owner is told of each address once a day, and of a few an hour at most."""

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from django.core.cache import cache

from devices.events import record as events
from devices.events.models import EventType
from devices.registry.models import Panel
from photohub.lib.http.rates import Buckets
from photohub.lib.pages.sentences import said

_KEPT_S = 24 * 3600
_KEPT_AT_MOST = 20
_NAME = "panel-strangers"
# Addresses can be made up: whoever does it must not bury the owner's notices.
_notices = Buckets(per_second=1 / 600, burst=5)


@dataclass(frozen=True)
class UnclaimedPanel:
    """A panel that nobody expects, as it described itself. `asked_at` is in unix seconds."""

    address: str
    model: str = ""
    width: str = ""
    height: str = ""
    asked_at: float = 0.0


def note(panel: UnclaimedPanel) -> None:
    """Remember a panel that asked, and tell the owner of it when it is new."""
    known = {found.address: found for found in panels()}
    new = panel.address not in known
    known[panel.address] = panel
    newest = sorted(known.values(), key=lambda found: -found.asked_at)[:_KEPT_AT_MOST]
    cache.set(_NAME, [asdict(found) for found in newest], _KEPT_S)
    if new and not _notices.take("all", time.monotonic()):
        sentence = said(
            (
                "A panel with the address %(address)s is asking to be added. Enter this address in a "
                "panel's settings."
            ),
            address=panel.address,
        )
        events.record(EventType.NOTICE, sentence)


def panels() -> list[UnclaimedPanel]:
    """Return the panels that asked within a day and are not known, the newest first."""
    found = [UnclaimedPanel(**values) for values in cache.get(_NAME, [])]
    return [s for s in found if s.asked_at > time.time() - _KEPT_S]


def forget(address: str) -> None:
    """Take a panel off the list, because it was added."""
    left = [asdict(found) for found in panels() if found.address != address]
    cache.set(_NAME, left, _KEPT_S)


def to_show() -> list[dict]:
    """Return for pages the panels that ask to be added and whose address no device has yet."""
    found = panels()
    addresses = [panel.address for panel in found]
    known = Panel.objects.filter(hardware_address__in=addresses).values_list("hardware_address", flat=True)
    expected = set(known)
    return [
        {
            "address": panel.address,
            "kind": " · ".join(filter(None, (panel.model, _size_of(panel)))),
            "asked_at": datetime.fromtimestamp(panel.asked_at, UTC),
        }
        for panel in found
        if panel.address not in expected
    ]


def _size_of(panel: UnclaimedPanel) -> str:
    return f"{panel.width} × {panel.height}" if panel.width and panel.height else ""
