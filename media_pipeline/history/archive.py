"""Several pictures as one ZIP file, made while it is sent: never more than one picture in memory."""

import zipfile
from collections.abc import AsyncIterator
from datetime import UTC

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureMissing, read_picture


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
    """Yield a ZIP file of these pictures, stored as they are; MISSING.txt lists those that are lost."""
    pipe, missing = _Pipe(), []
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for capture in captures:
            try:
                data = await sync_to_async(read_picture, thread_sensitive=False)(capture)
            except PictureMissing:
                missing.append(file_name(capture))
                continue
            archive.writestr(_entry(capture), data)
            yield pipe.take()
        if missing:
            archive.writestr("MISSING.txt", "\n".join(missing) + "\n")
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


def stream_pictures(captures: list[Capture]) -> StreamingHttpResponse:
    """Answer with a ZIP file of these pictures."""
    response = StreamingHttpResponse(zip_chunks(captures), content_type="application/zip")
    name = f"photohub-{timezone.now():%Y%m%d-%H%M%S}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
