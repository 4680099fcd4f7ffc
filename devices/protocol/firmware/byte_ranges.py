"""Decide which bytes of a file a request gets: conditions and single ranges of RFC 9110, sections 13 and 14.

    If-None-Match names the file                      304
    Range: bytes=a-b | a- | -n, one that fits         206, the end cut at the end of the file
    the same, beginning behind the end                416
    no Range, several, another unit, or a wrong one   200
    If-Range that does not name this very file        200

Small updaters ask in steps of 64 KB and compute the last end without looking at the size, so an end behind the
end of the file is no error.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_HEADER_CHARS = 4096

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_ETAG = re.compile(r'(?:W/)?("[^"]*")')
# More digits than that are behind the end of any file, and int() need not look at them all.
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class RangeDecision:
    """Which answer to give, and which bytes: `first` to `last`, both included; no bytes when last < first."""

    status: int
    size_bytes: int
    first: int = 0
    last: int = -1

    @property
    def length_bytes(self) -> int:
        """Return how many bytes of the file the body has."""
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """Return the Content-Range header of a 206 or 416, else ""."""
        if self.status == 206:
            return f"bytes {self.first}-{self.last}/{self.size_bytes}"
        return f"bytes */{self.size_bytes}" if self.status == 416 else ""


def decide_range(
    size_bytes: int,
    etag: str,
    *,
    method: str = "GET",
    wanted: str = "",
    if_range: str = "",
    if_none_match: str = "",
    modified_at: datetime | None = None,
) -> RangeDecision:
    """Decide by the request's headers; `etag` is the file's strong tag with its quotes.

    `wanted` is the header Range, which is for GET alone. `modified_at` is compared to the second.
    """
    if matches_none(if_none_match, etag):
        return RangeDecision(304, size_bytes)
    whole = RangeDecision(200, size_bytes, 0, size_bytes - 1)
    if method != "GET" or not wanted or not _is_same(if_range, etag, modified_at):
        return whole
    spec = _read_spec(wanted)
    if spec is None:
        return whole
    return _cut(spec, size_bytes)


def matches_none(if_none_match: str, etag: str) -> bool:
    """Tell whether If-None-Match names this file; a tag without quotes is understood too."""
    given = if_none_match.strip()[:MAX_HEADER_CHARS]
    if given == "*" or given == etag.strip('"'):
        return bool(given)
    return etag in _ETAG.findall(given)


def _is_same(if_range: str, etag: str, modified_at: datetime | None) -> bool:
    """Tell whether the device's part belongs to this very file; without If-Range it says so itself."""
    given = if_range.strip()
    if not given:
        return True
    if given.startswith(('"', "W/")):
        return given == etag
    try:
        date = parsedate_to_datetime(given)
    except (ValueError, TypeError, OverflowError):
        return False
    if modified_at is None:
        return False
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return aware == modified_at.replace(microsecond=0)


def _read_spec(wanted: str) -> tuple[int | None, int | None] | None:
    """Return first and last as they are written, None for a missing one; None when it is not one range."""
    unit, equals, rest = wanted[:MAX_HEADER_CHARS].partition("=")
    specs = [spec.strip(" \t") for spec in rest.split(",") if spec.strip(" \t")]
    if unit.strip(" \t").lower() != "bytes" or not equals or len(specs) != 1:
        return None
    found = _SPEC.fullmatch(specs[0])
    if not found or not (found[1] or found[2]):
        return None
    first, last = _number(found[1]), _number(found[2])
    if first is not None and last is not None and last < first:
        return None
    return first, last


def _number(digits: str) -> int | None:
    if not digits:
        return None
    figures = digits.lstrip("0") or "0"
    return int(figures) if len(figures) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _cut(spec: tuple[int | None, int | None], size_bytes: int) -> RangeDecision:
    first, last = spec
    if first is None:
        first, last = max(0, size_bytes - (last or 0)), size_bytes - 1
    else:
        last = size_bytes - 1 if last is None else min(last, size_bytes - 1)
    if first >= size_bytes:
        return RangeDecision(416, size_bytes)
    return RangeDecision(206, size_bytes, first, last)
