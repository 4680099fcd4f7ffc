"""Reading what upload headers say, tolerantly where a camera's mistake is harmless."""

import base64
import binascii
import re
import unicodedata
from datetime import UTC, datetime

from ..refusals import Refused

NAME_LIMIT = 128


def clean_name(raw: str | None) -> str | None:
    """Return the label: printable, ≤ 128 characters, never used in a path. None when the header is missing."""
    if raw is None:
        return None
    text = unicodedata.normalize("NFC", raw)
    text = "".join(c for c in text if unicodedata.category(c)[0] != "C").strip()
    if not text:
        raise Refused("bad_name", "Name-Pic holds no readable character.")
    if len(text) > NAME_LIMIT:
        raise Refused("bad_name", f"Name-Pic is longer than {NAME_LIMIT} characters.")
    return text


def read_moment(raw: str | None) -> datetime | None:
    """Read X-Captured-At: ISO 8601 or unix seconds. A camera's impossible clock is dropped, not an error."""
    if not raw:
        return None
    try:
        moment = (
            datetime.fromtimestamp(float(raw), UTC)
            if _is_number(raw)
            else datetime.fromisoformat(raw.strip())
        )
    except (ValueError, OverflowError, OSError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment if 2000 <= moment.year <= 2100 else None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*\d{1,12}(\.\d{1,9})?\s*", text) is not None


def read_md5(text: str) -> bytes:
    """Read Content-MD5: base64 as RFC 1864 says, or hex as many send it; b"" when it is neither."""
    text = text.strip()
    try:
        return bytes.fromhex(text) if len(text) == 32 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
