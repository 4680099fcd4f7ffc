"""The endpoint at which the hub's other machines fetch files that only this one has. Beside Django, as uploads are.

    GET /nodes/<number>/original|preview|film/<id>      proved by X-PhotoHub-Node (`nodes.signing`)
    GET /nodes/<number>/firmware|panel/<sha256>         the same for files under their hash (`shared_files`)

The proof is looked at before anything else is done. What is sent is bounded in number and time; nobody is sent elsewhere.
"""

import asyncio
import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from devices.protocol.firmware.byte_ranges import decide_range
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import read_thumbnail
from media_pipeline.nodes import here, signing
from media_pipeline.picture_files import store
from media_pipeline.shared_files import sharing
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.time_lapses.queue import film_path
from photohub.lib.database.db import tidy
from photohub.lib.files.shared import Kind
from photohub.lib.http import answer as answers

log = logging.getLogger(__name__)

PATHS = re.compile(
    r"/nodes/(\d{1,5})/(?:(original|preview|film)/([0-9a-f]{8}-[0-9a-f-]{27})|(firmware|panel)/([0-9a-f]{64}))"
)
AT_ONCE = 16
FILMS_AT_ONCE = 4
SHARED_AT_ONCE = 4
_WITHIN_S = 30.0
# A film is sent at the pace of whoever watches it.
_FILM_WITHIN_S = 600.0
_PIECE_BYTES = 256 * 1024
_KEPT = {"Cache-Control": "no-store", "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
# Of its own: a preview takes a while, and no upload is to wait behind it for the hub to see who sends.
_threads = ThreadPoolExecutor(4, thread_name_prefix="photohub-node-files")
_sending = {"film": 0, "shared": 0, "picture": 0}


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def serves(path: str) -> bool:
    """Tell whether this path is this endpoint's."""
    return PATHS.fullmatch(path) is not None


async def application(scope: dict, receive, send) -> None:
    """Hand out one file, or say with a bare status why not."""
    match = PATHS.fullmatch(scope["path"])
    try:
        if match is None or not here.is_one_of_several():
            raise _Refused(404)
        headers = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in scope["headers"]}
        if not signing.is_good(scope["path"], headers.get(signing.HEADER.lower(), ""), time.time()):
            raise _Refused(403)
        if scope["method"] != "GET":
            raise _Refused(405)
        await _serve_in_turn(match[1], match[2] or match[4], match[3] or match[5], headers, send)
    except _Refused as refusal:
        more = {"Retry-After": "1"} if refusal.status == 503 else {}
        await answers.answer(send, refusal.status, b"", more)
    except ValueError:
        await answers.answer(send, 404)
    except OSError as error:
        # The other side left, or the disk failed in the middle: then the length tells it.
        log.info("A file was not sent to its end: %s", error)


def _crowd_of(kind: str) -> tuple[str, int]:
    """Return with whom this kind shares its places, and how many there are."""
    if kind == "film":
        return "film", FILMS_AT_ONCE
    return ("shared", SHARED_AT_ONCE) if kind in sharing.PLACES else ("picture", AT_ONCE)


async def _serve_in_turn(number: str, kind: str, id: str, headers: dict[str, str], send) -> None:
    crowd, at_most = _crowd_of(kind)
    if _sending[crowd] >= at_most:
        raise _Refused(503)
    _sending[crowd] += 1
    try:
        async with asyncio.timeout(_FILM_WITHIN_S if crowd == "film" else _WITHIN_S):
            await _serve(int(number), kind, id, headers, send)
    except TimeoutError as error:
        raise OSError("it took too long") from error
    finally:
        _sending[crowd] -= 1


async def _serve(number: int, kind: str, id: str, headers: dict[str, str], send) -> None:
    try:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(_threads, lambda: tidy(_find, number, kind, id))
    except (DatabaseError, InterfaceError, here.NodeRefused) as error:
        raise _Refused(503) from error
    if found is None:
        raise _Refused(404)
    if isinstance(found, bytes):
        await answers.answer(send, 200, found, _KEPT)
    else:
        await _send_file(found, headers, send)


def _find(number: int, kind: str, id: str) -> bytes | Path | None:
    """Return the file, or where it is; None when this node has none such."""
    if number != here.number():
        # It has another number than it was asked as: the asker's list is old.
        raise _Refused(421)
    if kind in sharing.PLACES:
        return sharing.find_here(cast(Kind, kind), id)
    return _find_of_row(kind, UUID(id))


def _find_of_row(kind: str, id: UUID) -> bytes | Path | None:
    if kind == "film":
        ready = TimeLapse.objects.filter(here.own(), pk=id, state=LapseState.READY).exists()
        return film_path(id) if ready else None
    capture = Capture.everything.filter(here.own(), pk=id).select_related("device").first()
    if capture is None:
        return None
    return read_thumbnail(capture) if kind == "preview" else store.full_path(capture.path)


async def _send_file(path: Path, headers: dict[str, str], send) -> None:
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise _Refused(404) from error
    try:
        status = os.fstat(file.fileno())
        etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        wanted = decide_range(
            status.st_size,
            etag,
            method="GET",
            wanted=headers.get("range", ""),
            if_range=headers.get("if-range", ""),
            if_none_match=headers.get("if-none-match", ""),
        )
        named = {**_KEPT, "ETag": etag}
        if wanted.status != 304:
            named["Content-Length"] = str(wanted.length_bytes)
        if wanted.content_range:
            named["Content-Range"] = wanted.content_range
        await answers.begin(send, wanted.status, named)
        await _send_pieces(file, wanted.first, wanted.last + 1, send)
    finally:
        file.close()


async def _send_pieces(file, start: int, end: int, send) -> None:
    await asyncio.to_thread(file.seek, start)
    while start < end:
        piece = await asyncio.to_thread(file.read, min(_PIECE_BYTES, end - start))
        if not piece:
            raise OSError("the file ended early")
        start += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
