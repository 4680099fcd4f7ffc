r"""Find the picture in a multipart/form-data body, by what the bytes are.

    --boundary\r\n
    Content-Disposition: form-data; name="imageFile"; filename="a.jpg"\r\n
    Content-Type: image/jpeg\r\n
    \r\n
    <picture>\r\n
    --boundary--\r\n

What copied programs get wrong changes nothing: another boundary in the header than in the body, none at all, bare line
feeds, no line end before a boundary, no last boundary, no headers above the picture, text before the first boundary.
A part's Content-Length is believed where a boundary stands behind that many bytes, and searched for otherwise.
"""

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from .start import ENOUGH_BYTES, begins_like_picture
from .text import read_picture_text

Body = bytes | bytearray | mmap

MAX_HEAD_BYTES = 8192
# In all: forms inside of forms would multiply them.
MAX_PARTS = 100
MAX_DEPTH = 3
# A boundary has 1 to 70 characters (RFC 2046); some programs write more dashes in front.
_FIRST_LINE = re.compile(rb"(?:\r?\n)?(--[!-~ ]{1,200}?)[ \t]*\r?\n")
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))""", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"^([!-9;-~]+)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)
_LOOKED_AT_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a body, from `start` up to `end`; `data` when it had to be decoded."""

    start: int
    end: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What a body holds: its pictures in order, and whether any part is large enough to be one."""

    pictures: tuple[Picture, ...]
    has_content: bool


@dataclass(frozen=True, slots=True)
class _Part:
    headers: dict[str, str]
    start: int
    end: int


def looks_like_form(body: Body, content_type: str) -> bool:
    """Tell whether the picture has to be looked for inside of the body; one that begins like a picture is it."""
    if begins_like_picture(body[:ENOUGH_BYTES]):
        return False
    if content_type.strip().lower().startswith("multipart/"):
        return True
    first = _FIRST_LINE.match(body[:256])
    return first is not None and b"content-" in body[first.end() : first.end() + MAX_HEAD_BYTES].lower()


def find_pictures(body: Body, content_type: str, max_picture_bytes: int) -> Form:
    """Return the pictures of a body. It never raises."""
    return _find(body, (0, len(body)), content_type, max_picture_bytes, MAX_DEPTH, iter(range(MAX_PARTS)))


def _find(
    body: Body, span: tuple[int, int], content_type: str, limit: int, depth: int, turns: Iterator[int]
) -> Form:
    pictures: list[Picture] = []
    has_content = False
    for part in _parts(body, *span, content_type, turns):
        has_content |= part.end - part.start >= ENOUGH_BYTES
        kind = part.headers.get("content-type", "")
        if begins_like_picture(body[part.start : min(part.start + ENOUGH_BYTES, part.end)]):
            pictures.append(Picture(part.start, part.end))
        elif kind.lower().startswith("multipart/") and depth > 1:
            inner = _find(body, (part.start, part.end), kind, limit, depth - 1, turns)
            pictures += inner.pictures
        elif (data := _decode(bytes(body[part.start : part.end]), part.headers, limit)) is not None:
            pictures.append(Picture(part.start, part.end, data))
    return Form(tuple(pictures), has_content)


def _decode(content: bytes, headers: dict[str, str], limit: int) -> bytes | None:
    """Return the picture of a part that was written as text."""
    encoding = headers.get("content-transfer-encoding", "").lower()
    try:
        if encoding == "quoted-printable" and content.startswith((b"=FF=D8", b"=89PNG", b"RIFF")):
            decoded = quopri.decodestring(content)
            return decoded if begins_like_picture(decoded) else None
        return read_picture_text(content, limit)
    except ValueError:
        return None


def _parts(body: Body, start: int, end: int, content_type: str, turns: Iterator[int]) -> Iterator[_Part]:
    delimiter = _delimiter(body, start, end, content_type)
    position = body.find(delimiter, start, end) if delimiter else -1
    for _ in turns:
        if position < 0:
            return
        head = position + len(delimiter)
        if body[head : head + 2] == b"--":
            return
        part, position = _read_part(body, head, end, delimiter)
        if part is not None:
            yield part


def _delimiter(body: Body, start: int, end: int, content_type: str) -> bytes:
    """Return the line between parts: as the body writes it, else as the header says."""
    if (first := _FIRST_LINE.match(body[start : min(start + 256, end)])) is not None:
        return first[1]
    said = boundary_of(content_type)
    for delimiter in (b"--" + said, said):
        if said and body.find(delimiter, start, end) >= 0:
            return delimiter
    # There is text in front, and the header says something else than the body.
    for line in re.finditer(rb"\n" + _FIRST_LINE.pattern, body[start : min(start + _LOOKED_AT_BYTES, end)]):
        if body[start + line.end() : start + line.end() + 8].lower().startswith(b"content-"):
            return line[1]
    return b""


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names, or nothing."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]).strip().encode("latin-1", "replace") if found else b""


def _read_part(body: Body, head: int, end: int, delimiter: bytes) -> tuple[_Part | None, int]:
    """Return the part whose head begins here, and where the next delimiter stands."""
    head = _behind_line(body, head, end)
    headers: dict[str, str] = {}
    start = head
    if not begins_like_picture(body[head : head + ENOUGH_BYTES]):
        if body[head : head + 2] == b"\r\n" or body[head : head + 1] == b"\n":
            start = _behind_line(body, head, end)
        elif (blank := _END_OF_HEAD.search(body[head : min(head + MAX_HEAD_BYTES, end)])) is not None:
            start = head + blank.end()
            headers = read_headers(bytes(body[head : head + blank.start()]))
    finish, following = _find_end(body, start, end, delimiter, headers.get("content-length", ""))
    return (_Part(headers, start, finish) if finish > start else None), following


def _find_end(body: Body, start: int, end: int, delimiter: bytes, length: str) -> tuple[int, int]:
    """Return where a part's content ends, and where the next delimiter stands (-1: nowhere)."""
    if length.isascii() and length.isdigit() and len(length) <= 15 and start + int(length) <= end:
        finish = start + int(length)
        behind = body[finish : finish + 2 + len(delimiter)]
        for gap in (b"\r\n", b"\n", b""):
            if behind.startswith(gap + delimiter):
                return finish, finish + len(gap)
    following = body.find(delimiter, start, end)
    # The line end belongs to the boundary, also where that was forgotten behind the last part.
    finish = following if following >= 0 else end
    if finish > start and body[finish - 1 : finish] == b"\n":
        finish -= 2 if finish - 1 > start and body[finish - 2 : finish - 1] == b"\r" else 1
    return finish, following


def _behind_line(body: Body, position: int, end: int) -> int:
    found = body.find(b"\n", position, min(position + 256, end))
    return found + 1 if found >= 0 and not body[position:found].strip(b" \t\r") else position


def read_headers(head: bytes) -> dict[str, str]:
    """Return a part's headers by their names in small letters; the first of a name counts."""
    found: dict[str, str] = {}
    for match in _HEADER.finditer(head[:MAX_HEAD_BYTES]):
        found.setdefault(match[1].decode("latin-1").lower(), match[2].decode("latin-1"))
    return found
