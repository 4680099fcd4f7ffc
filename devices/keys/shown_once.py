"""Carrying a new secret from the page that made it to the page that shows it, once and never in a URL."""

from dataclasses import dataclass

import segno
from django.http import HttpRequest

from devices.registry.models import Device
from photohub.lib.encryption import open_sealed, seal

_SLOT = "device_secrets"


@dataclass(frozen=True)
class ShownSecrets:
    """What is shown this once; either may be empty."""

    key: str = ""
    device_secret: str = ""

    @property
    def qr(self) -> str:
        """Return the key as a QR picture, a data URI."""
        return segno.make(self.key, error="m", micro=False).svg_data_uri(border=0) if self.key else ""


def keep_for_next_page(request: HttpRequest, device: Device, key: str = "", device_secret: str = "") -> None:
    """Put a new secret aside. Sealed, because sessions lie in the database, where no key is kept in clear."""
    sealed = {"key": seal(key).decode() if key else "", "secret": ""}
    sealed["secret"] = seal(device_secret).decode() if device_secret else ""
    request.session[_SLOT] = {device.code: sealed}


def take(request: HttpRequest, device: Device) -> ShownSecrets | None:
    """Return the secrets that were put aside for this device and forget them; None when there are none."""
    kept = request.session.get(_SLOT, {})
    if device.code not in kept:
        return None
    sealed = kept[device.code]
    del request.session[_SLOT]
    return ShownSecrets(_opened(sealed["key"]), _opened(sealed["secret"]))


def _opened(sealed: str) -> str:
    return (open_sealed(sealed.encode()) or "") if sealed else ""
