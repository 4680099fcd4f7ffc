"""Addresses under which one panel fetches one picture, without headers and for a day.

    panel 8 bytes │ issued 4 bytes │ SHA-256 of the picture 32 bytes │ seal 16 bytes      in base64url: 80 characters

The seal is an HMAC with the hub's secret, so an address can neither be guessed nor made to fit another picture.
"""

import base64
import binascii
import hmac
import struct
import time
from dataclasses import dataclass

from django.utils.crypto import salted_hmac

from photohub.lib.network.site import base_url

VALID_S = 24 * 3600
_FACTS = struct.Struct(">QI32s")
_SEAL_BYTES = 16


@dataclass(frozen=True)
class PanelLink:
    """What an address stands for."""

    device_id: int
    sha256: str


def make_link(device_id: int, sha256: str, extension: str, base: str = "") -> str:
    """Return the whole address of a picture in the outbox for this panel; `base` is how it reaches the hub."""
    facts = _FACTS.pack(device_id, int(time.time()), bytes.fromhex(sha256))
    token = base64.urlsafe_b64encode(facts + _seal(facts)).decode()
    return f"{base or base_url()}/panel/i/{token}.{extension}"


def read_link(token: str) -> PanelLink | None:
    """Return what an address's token stands for; None when it was not made here, or a day ago."""
    try:
        data = base64.b64decode(token, altchars="-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(data) != _FACTS.size + _SEAL_BYTES:
        return None
    facts, seal = data[: _FACTS.size], data[_FACTS.size :]
    if not hmac.compare_digest(seal, _seal(facts)):
        return None
    device_id, issued, sha256 = _FACTS.unpack(facts)
    return PanelLink(device_id, sha256.hex()) if time.time() - issued < VALID_S else None


def _seal(facts: bytes) -> bytes:
    return salted_hmac("photohub.panel.picture", facts, algorithm="sha256").digest()[:_SEAL_BYTES]
