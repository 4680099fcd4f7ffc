"""Several pictures as one ZIP file, made while it is sent: never more than one picture in memory."""

import threading
import zipfile
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from media_pipeline.captures.models import Capture, CaptureQuerySet
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture

# For people without an account: what a browser and the hub can do for everybody who has the link.
SHARED_AT_MOST = 1000
SHARED_BYTES_AT_MOST = 2 * 2**30
AT_ONCE = 4


class _Pipe:
    """A file that cannot be rewound, so zipfile writes sizes afterwards. What is written waits."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        return None

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


async def zip_chunks(captures: list[Capture]) -> AsyncIterator[bytes]:
    """Yield a ZIP file of these pictures, stored as they are; MISSING.txt lists those that are lost, AWAY.txt
    those on a machine of the hub that does not answer now."""
    pipe, missing, away = _Pipe(), [], []
    # zipfile writes to what has `write` and `flush`; its types ask for a whole file.
    # pyrefly: ignore[no-matching-overload]
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for capture in captures:
            try:
                data = await sync_to_async(read_picture, thread_sensitive=False)(capture)
            except PictureAway as error:
                away.append(f"{file_name(capture)}: {error.said}")
                continue
            except PictureMissing:
                missing.append(file_name(capture))
                continue
            archive.writestr(_entry(capture), data)
            yield pipe.take()
        for name, told in (("MISSING.txt", missing), ("AWAY.txt", away)):
            if told:
                archive.writestr(name, "\n".join(told) + "\n")
    yield pipe.take()


def file_name(capture: Capture) -> str:
    """Return a name that sorts by time and cannot meet another: device, UTC time, link code."""
    extension = capture.path.rpartition(".")[2]
    at = capture.received_at.astimezone(UTC)
    return f"{capture.device.code}/{at:%Y-%m-%d_%H-%M-%S}_{capture.code}.{extension}"


def _entry(capture: Capture) -> zipfile.ZipInfo:
    at = capture.received_at.astimezone(UTC)
    return zipfile.ZipInfo(
        file_name(capture), (max(at.year, 1980), at.month, at.day, at.hour, at.minute, at.second)
    )


class TooMany(Exception):
    """No archive is made; the text says why, `status` is for HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def fits(rows: CaptureQuerySet) -> bool:
    """Tell whether all of these pictures go into one archive for a stranger."""
    # Whoever has the link asks, and of a span of days there may be a million: no more are looked at than fit.
    sizes = list(rows.order_by().values_list("size_bytes", flat=True)[: SHARED_AT_MOST + 1])
    return 0 < len(sizes) <= SHARED_AT_MOST and sum(sizes) <= SHARED_BYTES_AT_MOST


def stream_shared(rows: CaptureQuerySet) -> StreamingHttpResponse:
    """Answer a stranger with a ZIP file of these pictures, within bounds. Raises TooMany."""
    if not fits(rows):
        raise TooMany(413, _("These are too many pictures for one archive. Download them one by one."))
    return _answer(_Place(list(rows)))


_places = threading.BoundedSemaphore(AT_ONCE)


class _Place:
    """One archive of AT_ONCE. Its place is taken when it is asked for, and given back when its answer is closed."""

    def __init__(self, captures: list[Capture]) -> None:
        self._is_held = _places.acquire(blocking=False)
        if not self._is_held:
            raise TooMany(503, _("Too many archives are being downloaded just now. Try again in a minute."))
        self._captures = captures

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in zip_chunks(self._captures):
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Give the place back. Django calls it with the end of an answer, also of one that was never begun."""
        if self._is_held:
            self._is_held = False
            _places.release()


def stream_pictures(captures: list[Capture]) -> StreamingHttpResponse:
    """Answer with a ZIP file of these pictures."""
    return _answer(zip_chunks(captures))


def _answer(chunks: AsyncIterable[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(chunks, content_type="application/zip")
    name = f"photohub-{timezone.now():%Y%m%d-%H%M%S}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
