"""Read JSON that devices and programs wrote: bounded in every way, and single fields that may be of any type.

`read_json` is the one reader of JSON from outside. It never raises but for `NotJson`, and what it returns can be
stored and written again:

    size            at most `limit_bytes`, asked before anything is read
    depth           at most MAX_DEPTH objects and lists inside each other
    values          at most MAX_VALUES in all: each takes some hundred bytes of memory, and of two in the text
    numbers         whole ones of 64 bits, and finite ones; 1e999, NaN, Infinity and longer ones read as null
    texts           a lone surrogate, and a byte that is no UTF-8, read as U+FFFD; a NUL character reads as a space
    names           of a name that stands twice the later value counts
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

MAX_ID_CHARS = 64
MAX_DEPTH = 32
# A text of 64 kB is within it, whatever it holds. A larger one holds a picture as one text, and a few fields.
MAX_VALUES = 2**16
_WHOLE_DIGITS = 20

# The closing quote is optional, so that a text without one is passed over once and not tried from every place.
_COMMA_BEFORE_END = re.compile(r'("(?:[^"\\]|\\.)*"?)|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message of a known form with a value that cannot be used; `reason` is a sentence for the device's log.

    `id` is the message's own id, for those forms that are answered.
    """

    reason: str
    id: str | int = ""


def read_object(payload: bytes, limit_bytes: int, *, trailing_commas: bool = False) -> dict[str, Any] | None:
    """Return a JSON object of at most so many bytes; None when it is none.

    With `trailing_commas` a comma before `}` or `]` is passed over, as in `{"a":1,}`.
    """
    if len(payload) > limit_bytes:
        return None
    try:
        found = read_json(payload, limit_bytes)
    except NotJson:
        if not trailing_commas:
            return None
        found = _load_or_none(_COMMA_BEFORE_END.sub(lambda match: match[1] or "", _text_of(payload)))
    return found if isinstance(found, dict) else None


class NotJson(ValueError):
    """These bytes are no JSON, or more of it than is read."""


def read_json(payload: bytes | str, limit_bytes: int) -> Any:
    """Return what this JSON says, within the bounds of this module. Raises NotJson."""
    if len(payload) > limit_bytes:
        raise NotJson(f"It is longer than {limit_bytes} bytes.")
    return _load(_text_of(payload))


def _text_of(payload: bytes | str) -> str:
    text = payload if isinstance(payload, str) else payload.decode("utf-8", "replace")
    return text.strip(" \t\r\n\0\ufeff")


def _load(text: str) -> Any:
    # Commas in texts count as well: that is near enough, and takes no time.
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise NotJson(f"It has more than {MAX_VALUES} values.")
    try:
        found = json.loads(text, parse_int=_read_int, parse_float=_read_float, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise NotJson("It is no JSON.") from error
    return _clean(found, MAX_DEPTH)


def _load_or_none(text: str) -> Any:
    try:
        return _load(text)
    except NotJson:
        return None


def _read_int(digits: str) -> int | None:
    # The limit of digits comes first: a number of a million digits takes minutes to read.
    number = int(digits) if len(digits) <= _WHOLE_DIGITS else None
    return number if number is not None and abs(number) < 2**63 else None


def _read_float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _clean_characters(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise NotJson(f"It has more than {MAX_DEPTH} objects and lists inside each other.")
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    return {_clean_characters(name): _clean(item, depth - 1) for name, item in value.items()}


def _clean_characters(text: str) -> str:
    if "\0" not in text and text.isprintable():
        return text
    # PostgreSQL stores no NUL, and no encoding takes a lone surrogate; both can be spelled in JSON.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", " ")


def read_id(value: Any) -> str | int:
    """Return a message's id as it came, to be sent back in the same form; anything else is ""."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**63 else ""
    return clean_text(value, MAX_ID_CHARS)


def clean_text(value: Any, limit_chars: int) -> str:
    """Return a text without control characters, at most so long; anything but a text is ""."""
    # PostgreSQL stores no NUL, and no encoding takes a lone surrogate; both can be spelled in JSON.
    if not isinstance(value, str):
        return ""
    text = value.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else " " for c in text).strip()[:limit_chars]


def read_whole(value: Any) -> int | None:
    """Return a whole number that came as a number or as a text of at most 18 digits; else None."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 1e18 and value == int(value) else None


def read_part(value: Any) -> dict[str, Any]:
    """Return an object inside another; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def compact(fields: dict[str, Any]) -> bytes:
    """Write an object in as few bytes as JSON allows, in ASCII."""
    return json.dumps(fields, separators=(",", ":")).encode("ascii")
