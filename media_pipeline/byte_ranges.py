"""Files that are too large for memory, sent in pieces, whole or in part: players ask for ranges (RFC 9110 section 14)."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class NoSuchRange(ValueError):
    """The range begins behind the end of the file."""


def read_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last; None for all, also when the header says nothing readable.

    Raises NoSuchRange. Several ranges at once are answered with all, which the standard allows.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, end = max(0, size_bytes - int(match[2])), size_bytes
    else:
        start, end = int(match[1]), min(size_bytes, int(match[2]) + 1) if match[2] else size_bytes
        if match[2] and int(match[2]) < start:
            return None
    if start >= size_bytes or start >= end:
        raise NoSuchRange
    return start, end


def file_response(request: HttpRequest, path: Path, content_type: str) -> HttpResponse:
    """Answer with the file, or the part that is asked for. Raises OSError when it is not there."""
    size_bytes = path.stat().st_size
    try:
        part = read_range(request.headers.get("Range", ""), size_bytes)
    except NoSuchRange:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size_bytes}"})
    start, end = part or (0, size_bytes)
    response: HttpResponse | StreamingHttpResponse
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        response = StreamingHttpResponse(_pieces(path, start, end), content_type=content_type)
    if part:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    response["Content-Length"] = str(end - start)
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    return response


async def _pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, start)
        while start < end:
            piece = await asyncio.to_thread(file.read, min(_PIECE_BYTES, end - start))
            if not piece:
                return
            start += len(piece)
            yield piece
    finally:
        file.close()
