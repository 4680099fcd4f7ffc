"""Secrets that must be read back, encrypted with the hub's own key."""

import base64
import hashlib
from typing import TYPE_CHECKING

from django.conf import settings

from photohub.lib.memory.later import later

if TYPE_CHECKING:
    from cryptography import fernet
else:
    fernet = later("cryptography.fernet")


def _box() -> "fernet.Fernet":
    digest = hashlib.sha256(b"photohub sealed secrets\0" + settings.SECRET_KEY.encode()).digest()
    return fernet.Fernet(base64.urlsafe_b64encode(digest))


def encrypt(text: str) -> bytes:
    """Encrypt a secret for a database column."""
    return _box().encrypt(text.encode())


def decrypt(data: bytes | memoryview) -> str | None:
    """Decrypt; None when it was encrypted under another PHOTOHUB_SECRET_KEY."""
    try:
        return _box().decrypt(bytes(data)).decode()
    except fernet.InvalidToken:
        return None
