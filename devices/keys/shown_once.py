"""Carrying a new secret from the page that made it to the page that shows it, once and never in a URL."""

from dataclasses import dataclass

import segno
from django.http import HttpRequest

from devices.registry.models import Device
from photohub.lib.encryption import decrypt, encrypt

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
    """Put a new secret aside. Encrypted, because sessions lie in the database, where no key is kept in clear."""
    encrypted = {"key": encrypt(key).decode() if key else "", "secret": ""}
    encrypted["secret"] = encrypt(device_secret).decode() if device_secret else ""
    request.session[_SLOT] = {device.code: encrypted}


def take(request: HttpRequest, device: Device) -> ShownSecrets | None:
    """Return the secrets that were put aside for this device and forget them; None when there are none."""
    kept = request.session.get(_SLOT, {})
    if device.code not in kept:
        return None
    encrypted = kept[device.code]
    del request.session[_SLOT]
    return ShownSecrets(_opened(encrypted["key"]), _opened(encrypted["secret"]))


def _opened(encrypted: str) -> str:
    return (decrypt(encrypted.encode()) or "") if encrypted else ""
