"""Reading what upload headers say, tolerantly where a camera's mistake is harmless."""

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from media_pipeline.picture_files.refusals import Refused

NAME_LIMIT = 128
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
AHEAD_AT_MOST = timedelta(days=1)
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def clean_name(raw: str | None) -> str | None:
    """Return the label: printable, ≤ 128 characters, never used in a path. None when the header is missing."""
    if raw is None:
        return None
    text = raw.strip() if raw.isascii() and raw.isprintable() else _clean(raw)
    if not text:
        raise Refused("bad_name", "Name-Pic holds no readable character.")
    if len(text) > NAME_LIMIT:
        raise Refused("bad_name", f"Name-Pic is longer than {NAME_LIMIT} characters.")
    return text


def _clean(raw: str) -> str:
    text = unicodedata.normalize("NFC", raw)
    return "".join(c for c in text if unicodedata.category(c)[0] != "C").strip()


@dataclass(frozen=True, slots=True)
class CameraTime:
    """What a camera's clock says; `is_wrong` when it said a time that cannot be right."""

    moment: datetime | None = None
    is_wrong: bool = False


def read_moment(raw: str | None, now: datetime) -> CameraTime:
    """Read X-Captured-At: unix seconds, milliseconds, or ISO 8601; without a zone it is in the hub's.

    A camera whose clock was never set says a time long ago, and one that was set wrongly may be ahead.
    """
    text = (raw or "").strip()
    if not text:
        return CameraTime()
    try:
        moment = _from_number(text) if _NUMBER.fullmatch(text) else datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.get_default_timezone())
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return CameraTime(is_wrong=True)
    if not EARLIEST <= moment <= now + AHEAD_AT_MOST:
        return CameraTime(is_wrong=True)
    return CameraTime(moment)


def _from_number(text: str) -> datetime:
    seconds = float(text)
    # Seconds have ten digits until the year 2286.
    return datetime.fromtimestamp(seconds / 1000 if seconds >= 1e11 else seconds, UTC)


def read_md5(text: str) -> bytes:
    """Read Content-MD5: base64 as RFC 1864 says, or hex as many send it; b"" when it is neither."""
    text = text.strip()
    try:
        return bytes.fromhex(text) if len(text) == 32 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
