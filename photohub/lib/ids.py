"""Identifiers: time-ordered UUIDs for rows, random words for links and keys."""

import base64
import hashlib
import os
import re
import secrets
import time
import uuid

# Crockford's base 32: no i, l, o or u, because people read these aloud.
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")
_CHANGE = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")
_CHANGES_AT_LEAST = 3


def new_id() -> uuid.UUID:
    """Make a UUID of version 7 (RFC 9562 section 5.7): 48 bits of unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10))
    value = milliseconds << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def new_link_code() -> str:
    """Make the code of a short link: 18 characters, 90 random bits but for a few, so that it cannot be guessed.

    Letters and figures alternate in it, as they do in no word: so the log knows it as a secret, wherever it stands.
    """
    while True:
        code = base64.b32encode(os.urandom(12))[:18].translate(_CROCKFORD).decode()
        if len(_CHANGE.findall(code)) >= _CHANGES_AT_LEAST:
            return code


def new_key() -> str:
    """Make a secret of 256 random bits that fits a header, a path and an MQTT password: 43 characters.

    It never begins with a dash, because people paste keys into command lines.
    """
    while True:
        key = secrets.token_urlsafe(32)
        if key[0].isalnum():
            return key


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hex: all that the database keeps. Random keys need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_id(text: str) -> uuid.UUID | None:
    """Return the UUID that somebody wrote, or None when it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
