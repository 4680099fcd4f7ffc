"""Read JSON that devices wrote by hand: objects of a limited size, and single fields that may be of any type."""

import json
import re
from dataclasses import dataclass
from typing import Any

MAX_ID_CHARS = 64

_COMMA_BEFORE_END = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')


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
    text = payload.decode("utf-8", "replace").strip(" \t\r\n\0\ufeff")
    found = _load(text)
    if found is None and trailing_commas:
        found = _load(_COMMA_BEFORE_END.sub(lambda match: match[1] or "", text))
    return found if isinstance(found, dict) else None


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


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
