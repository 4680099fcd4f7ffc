"""What the endpoints of panels that fetch have in common: who asks, what he says of himself, how he is refused."""

import re

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from devices.keys import identity
from devices.keys.tokens import bearer_of
from devices.registry import presence
from devices.registry.models import Device, Panel
from photohub.lib.http.answer import Refused
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.scope import address_of

from .choosing import panel_of

_TELEMETRY = {
    "X-Battery-Mv": "battery_mv",
    "X-RSSI": "rssi_dbm",
    "X-Free-Heap": "free_heap_bytes",
    "X-Firmware-Version": "firmware_version",
}
# Of one address: whoever tries keys or links that do not exist.
_failed_tries = FailedTries()
_TAG = re.compile(r'(?:W/)?"?([0-9a-f]{64})"?')


def unknown(request: HttpRequest, status: int, word: str, sentence: str) -> Refused:
    """Return the refusal of a key or link that does not exist, or another one for who tries too many."""
    wait_s = _failed_tries.missed(address_of(request))
    return _too_many(wait_s) if wait_s else Refused(status, word, sentence)


def _too_many(wait_s: int) -> Refused:
    sentence = _("Too many failed attempts. Wait %(seconds)d s.") % {"seconds": wait_s}
    return Refused(429, "rate", sentence, wait_s)


def refuse_guesser(request: HttpRequest, secret: str) -> None:
    """Raise Refused, before anything is looked up, for who tried too many keys or links that do not exist."""
    if wait_s := _failed_tries.wait_s(address_of(request), secret):
        raise _too_many(wait_s)


def find_panel(request: HttpRequest, key: str) -> Panel:
    """Return the panel that asks, by the key in the path, else in a header. Raises Refused."""
    key = key or bearer_of(request) or request.headers.get("X-Device-Key", "")
    refuse_guesser(request, key)
    device = identity.find_device(key) if key.isascii() and key.isprintable() and key else None
    if device is None:
        sentence = _("The key is missing or wrong. Send the device's key.")
        raise unknown(request, 401, "auth", sentence)
    _failed_tries.found(key)
    return panel_for(device)


def panel_for(device: Device) -> Panel:
    """Return this device as a panel that may fetch. Raises Refused."""
    if not device.enabled:
        raise Refused(403, "disabled", identity.describe_disabled(device))
    panel = panel_of(device)
    if panel is None:
        raise Refused(
            404, "not_a_panel", _("This device does not show pictures. Give it the profile “panel”.")
        )
    return panel


def hear(device: Device, request: HttpRequest, telemetry: dict | None = None) -> None:
    """Note that the panel was heard, with what it says of itself."""
    said = {field: request.headers[name] for name, field in _TELEMETRY.items() if name in request.headers}
    presence.heard(
        device, address=address_of(request), telemetry=telemetry if telemetry is not None else said
    )


def base_of(request: HttpRequest) -> str:
    """Return the address under which the panel reaches the hub: the one outside address, else the one it used."""
    return settings.PHOTOHUB_URL or f"{request.scheme}://{request.get_host()}"


def hashes_of(request: HttpRequest) -> frozenset[str] | None:
    """Return the hashes that If-None-Match names; None when there is no such header."""
    header = request.headers.get("If-None-Match")
    return None if header is None else frozenset(_TAG.findall(header[:2000]))
