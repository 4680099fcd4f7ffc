"""Read pictures that were written as text.

    /9j/4AAQSkZJRg…                       base64, also in lines, in its URL-safe form, or without the `=` at its end
    data:image/jpeg;base64,/9j/4AAQ…      a data URI
    {"id": 7, "image": "<either>"}        JSON with one text that holds either, however deep

The beginning tells whether decoding is worth its while, so a text that holds no picture costs next to nothing.
"""

import base64
import binascii
import re

from devices.protocol.json_fields import NotJson, read_json

from .start import begins_like_picture

_BASE64 = re.compile(rb"[A-Za-z0-9+/_=-]+")
# How base64 of a JPEG, a PNG and a WebP begins; JSON may put a backslash before each slash.
_BEGINNINGS = (b"/9j/", b"_9j_", b"\\/9j\\/", b"iVBORw0KGgo", b"UklGR")
_GAPS = b" \t\r\n\0"
_DATA_URI = re.compile(rb"data:[^,]{0,200};base64,", re.IGNORECASE)
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
# What JSON, base64 and line ends may add to a picture's bytes: four thirds, a line end for 64, and other fields.
_TEXT_SHARE = 1.5
_OTHER_BYTES = 4096


class SeveralPictures(ValueError):
    """A JSON text holds more than one picture, and nothing says which is meant."""


def text_limit(max_picture_bytes: int) -> int:
    """Return how long a text may be that holds a picture of at most so many bytes."""
    return int(max_picture_bytes * _TEXT_SHARE) + _OTHER_BYTES


def read_picture_text(text: bytes, max_picture_bytes: int) -> bytes | None:
    """Return the picture's bytes, None when the text holds none. Raises SeveralPictures."""
    if len(text) > text_limit(max_picture_bytes):
        return None
    begin = text[:64].lstrip(_GAPS + b"\xef\xbb\xbf")[:1]
    if begin in (b"{", b"["):
        return _read_json(text, max_picture_bytes)
    if begin == b'"':
        text = text.strip(_GAPS + b'"')
    return _read_one(text, max_picture_bytes)


def _read_json(text: bytes, max_picture_bytes: int) -> bytes | None:
    if not any(begin in text for begin in _BEGINNINGS):
        return None
    try:
        value = read_json(text, text_limit(max_picture_bytes))
    except NotJson:
        return None
    found: bytes | None = None
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and (
            picture := _read_one(value.encode("ascii", "replace"), max_picture_bytes)
        ):
            if found is not None and found != picture:
                raise SeveralPictures
            found = picture
    return found


def _read_one(text: bytes, max_picture_bytes: int) -> bytes | None:
    """Read base64 or a data URI."""
    text = text.lstrip(_GAPS + b"\xef\xbb\xbf")
    if (uri := _DATA_URI.match(text)) is not None:
        text = text[uri.end() :]
        if b"%" in text[:64] or text.endswith((b"%3D", b"%3d")):
            text = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text)
    if not begins_like_picture(_decode(text[:64].translate(None, _GAPS)[:16])):
        return None
    text = text.translate(None, _GAPS)
    if len(text) > max_picture_bytes * 4 // 3 + 4 or _BASE64.fullmatch(text) is None:
        return None
    return _decode(text) or None


def _decode(text: bytes) -> bytes:
    text = text.translate(_URL_SAFE).rstrip(b"=")
    if len(text) % 4 == 1:
        return b""
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""
