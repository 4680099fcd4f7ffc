"""Files that are too large for memory, sent in pieces, whole or in part: players ask for ranges."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from devices.protocol.firmware.byte_ranges import decide_range

_PIECE_BYTES = 256 * 1024


def file_response(request: HttpRequest, path: Path, content_type: str) -> HttpResponseBase:
    """Answer with the file, or the part that is asked for. Raises OSError when it is not there."""
    status = path.stat()
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    wanted = decide_range(
        status.st_size,
        etag,
        method=request.method or "GET",
        wanted=request.headers.get("Range", ""),
        if_range=request.headers.get("If-Range", ""),
        if_none_match=request.headers.get("If-None-Match", ""),
    )
    response: HttpResponseBase
    if request.method == "HEAD" or wanted.last < wanted.first:
        response = HttpResponse(status=wanted.status, content_type=content_type)
    else:
        pieces = _pieces(path, wanted.first, wanted.last + 1)
        response = StreamingHttpResponse(pieces, status=wanted.status, content_type=content_type)
    if wanted.content_range:
        response["Content-Range"] = wanted.content_range
    if wanted.status != 304:
        response["Content-Length"] = str(wanted.length_bytes)
    response["ETag"] = etag
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
