"""Speak with the published ESP32-S3 camera program: the command to it, the HTTP answer, the result it relays.

What that program does was read in its source (xuhongv/StudyInEsp32, 24_esp32s2_s3_camera_wechat_mini,
main.c); where it differs from its article, the program is followed.
"""

import base64
import binascii
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from devices.protocol.json_fields import compact

from .json_fields import read_object

MAX_NAME_BYTES = 49
MAX_ANSWER_BYTES = 512
MAX_RESULT_BYTES = 4096
JOIN_WINDOW_S = 10.0
OK_TEXT = "uploadup ok"

_MIN_RANDOM_BYTES = 12
_MAX_RANDOM_BYTES = 20
_MAX_ID_CHARS = 64
_MAX_WORD_CHARS = 32
_MAX_TEXT_CHARS = 1000
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_PRINTABLE_ASCII = re.compile(r"[ -~]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


@dataclass(frozen=True, slots=True)
class CaptureCommand:
    """What the camera understood: take a picture and upload it under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """What arrived on a result topic. `code` is None when none was sent; `url` is decoded, http(s) or ""."""

    code: int | None
    des: str
    url: str
    error: str

    @property
    def ok(self) -> bool:
        """Tell whether the picture arrived."""
        return self.code == 0 or (self.code is None and bool(self.url))


def new_name(random_bytes: bytes, wish: str = "") -> str:
    """Make an issued name of at most 49 characters from [A-Za-z0-9._-]: `[<wish>-]<random>`.

    The name is the camera's only proof when it uploads, so the random part is never shortened: all of the 12
    to 20 bytes given (96 to 160 bits) are kept, as 20 to 32 lower-case base32 characters. The wish gets what
    is left.
    """
    if not _MIN_RANDOM_BYTES <= len(random_bytes) <= _MAX_RANDOM_BYTES:
        raise ValueError(f"A name needs 12 to 20 random bytes, not {len(random_bytes)}.")
    proof = base64.b32encode(random_bytes).decode("ascii").rstrip("=").lower()
    # A leading dot or dash would make a hidden file or an option of the name, should somebody use it as one.
    letters = unicodedata.normalize("NFKD", wish).encode("ascii", "ignore").decode("ascii")
    cleaned = _UNSAFE.sub("-", letters).lstrip(".-")
    shortened = cleaned[: MAX_NAME_BYTES - len(proof) - 1].rstrip(".-")
    return f"{shortened}-{proof}" if shortened else proof


def encode_capture(name: str, action_as_string: bool = False) -> bytes:
    """Write the command to take a picture.

    The program copies the name into 50 bytes without a check and sends it as an HTTP header, so a name that
    is not 1 to 49 printable ASCII characters raises ValueError. It ignores `"action":"0"`, the form its
    article prints, which other firmware may want.
    """
    if len(name) > MAX_NAME_BYTES or not _PRINTABLE_ASCII.fullmatch(name):
        raise ValueError(f"A picture name must be 1 to 49 printable ASCII characters, not {name[:80]!r}.")
    return compact({"action": "0" if action_as_string else 0, "name": name})


def decode_command(payload: bytes) -> CaptureCommand | None:
    """Read a command as the camera's program does; None for everything that does not take a picture.

    Some of what gives None would crash the real board: ask `crashes_firmware`.
    """
    fields = _read_as_firmware(payload)
    if not isinstance(fields, dict) or not _is_capture_action(fields.get("action")):
        return None
    name = fields.get("name")
    if not isinstance(name, str) or _size_in_c(name) > MAX_NAME_BYTES:
        return None
    return CaptureCommand(name.partition("\0")[0])


def crashes_firmware(payload: bytes) -> bool:
    """Tell whether this would crash the real board: a missing key, or a name that overruns its 50 bytes."""
    fields = _read_as_firmware(payload)
    if fields is None:
        return False
    if not isinstance(fields, dict) or "action" not in fields:
        return True
    if not _is_capture_action(fields["action"]):
        return False
    if "name" not in fields:
        return True
    return isinstance(fields["name"], str) and _size_in_c(fields["name"]) > MAX_NAME_BYTES


def _read_as_firmware(payload: bytes) -> Any:
    """Parse as cJSON does: anything may follow the first value, keys ignore case, the first one counts."""
    try:
        text = payload.decode("utf-8", "replace").lstrip(" \t\r\n")
        return json.JSONDecoder(object_pairs_hook=_first_of_each).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        fields.setdefault(key.lower(), value)
    return fields


def _is_capture_action(action: Any) -> bool:
    """Compare as C does: the number is cut to an integer, and true is no number."""
    if isinstance(action, bool) or not isinstance(action, int | float):
        return False
    return math.isfinite(action) and int(action) == 0


def _size_in_c(name: str) -> int:
    return len(name.partition("\0")[0].encode("utf-8", "replace"))


def encode_ok(*, url: str, id: str, dup: bool = False) -> bytes:
    """Write the answer to a picture that is durable: code 0 and its link in base64.

    Base64 is an encoding the program expects, not protection. A link too long for 512 bytes is left out,
    because the picture is safe either way and a cut link would only mislead.
    """
    answer: dict[str, Any] = {"code": 0, "des": OK_TEXT}
    answer["url"] = base64.b64encode(url.encode("utf-8", "replace")).decode("ascii")
    answer["id"] = _UNSAFE.sub("", id)[:_MAX_ID_CHARS]
    if dup:
        answer["dup"] = True
    if len(compact(answer)) > MAX_ANSWER_BYTES:
        del answer["url"]
    return compact(answer)


def encode_error(des: str, err: str) -> bytes:
    """Write the answer to a refused picture: code 1, a sentence for people and a word for programs.

    The camera relays the raw bytes from a 512-byte buffer, so a long sentence is shortened until all fits.
    """
    des = des[:MAX_ANSWER_BYTES]
    while (over := len(_error(des, err)) - MAX_ANSWER_BYTES) > 0:
        # One character costs at most 12 bytes (an escaped surrogate pair), so this never cuts too much.
        des = des[: -max(1, over // 12)]
    return _error(des, err)


def _error(des: str, err: str) -> bytes:
    return compact({"code": 1, "des": des, "err": err[:_MAX_WORD_CHARS]})


def decode_result(payload: bytes) -> Result | None:
    """Read what a device published as its result, tolerantly; None when it is no result.

    A JSON object with any of `code` (number or digits), `des`, `url` (base64, its URL-safe form, or plain)
    and `err`, or nothing but a plain URL. Junk in a field empties that field and keeps the others.
    """
    if len(payload) > MAX_RESULT_BYTES:
        return None
    text = payload.decode("utf-8", "replace").strip(" \t\r\n\0\ufeff")
    if url := _plain_url(text):
        return Result(None, "", url, "")
    fields = read_object(payload, MAX_RESULT_BYTES)
    if fields is None or not fields.keys() & {"code", "des", "url", "err"}:
        return None
    return Result(
        code=_read_code(fields.get("code")),
        des=_read_text(fields.get("des")),
        url=_read_url(fields.get("url")),
        error=_read_text(fields.get("err")),
    )


def _read_code(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 1e9 and value == int(value) else None


def _read_text(value: Any) -> str:
    # PostgreSQL stores no NUL, and no encoding takes a lone surrogate; both can be spelled in JSON.
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()[:_MAX_TEXT_CHARS]


def _read_url(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    packed = "".join(value.split())
    if url := _plain_url(value.strip()):
        return url
    if not _BASE64.fullmatch(packed):
        return ""
    unpadded = packed.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        decoded = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4))
        return _plain_url(decoded.decode("utf-8").strip())
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _plain_url(text: str) -> str:
    """Return the text when it is one http(s) URL without spaces, else "": it will become a link on a page."""
    return text if re.fullmatch(r"(?i:https?)://[^\s\x00-\x1f\x7f\"<>\ufffd]+", text) else ""


class ResultJoiner:
    """Join the pieces of one answer that a device relayed in buffers of its HTTP client.

    One joiner per device. Time is passed in, in seconds of any steady clock. A piece waits at most 10 s for
    the rest and never more than 4 KiB are held.
    """

    def __init__(self) -> None:
        self._held = b""
        self._held_since_s = 0.0

    @property
    def waiting(self) -> bool:
        """Tell whether the front of an answer is held."""
        return bool(self._held)

    def feed(self, payload: bytes, now_s: float) -> Result | None:
        """Take one message; return the result when it is whole, by itself or with the pieces before it."""
        if self._held and now_s - self._held_since_s > JOIN_WINDOW_S:
            self._held = b""
        joined = self._held + payload
        # The joined form first: the last piece of an answer may look like a result of its own.
        result = decode_result(joined) or decode_result(payload)
        if result is not None:
            self._held = b""
            return result
        self._hold(payload, joined, now_s)
        return None

    def _hold(self, payload: bytes, joined: bytes, now_s: float) -> None:
        if self._held and len(joined) <= MAX_RESULT_BYTES:
            self._held = joined
        elif payload.lstrip(b" \t\r\n").startswith(b"{") and len(payload) <= MAX_RESULT_BYTES:
            self._held, self._held_since_s = payload, now_s
        else:
            self._held = b""
