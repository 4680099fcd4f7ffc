"""Secrets that must be read back, encrypted with the hub's own key."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def _box() -> Fernet:
    digest = hashlib.sha256(b"photohub sealed secrets\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def encrypt(text: str) -> bytes:
    """Encrypt a secret for a database column."""
    return _box().encrypt(text.encode())


def decrypt(data: bytes | memoryview) -> str | None:
    """Decrypt; None when it was encrypted under another PHOTOHUB_SECRET_KEY."""
    try:
        return _box().decrypt(bytes(data)).decode()
    except InvalidToken:
        return None
