"""H.264 by the ffmpeg program that comes in the wheel of imageio-ffmpeg: the only module that knows it.

It runs as a process of its own: a fault in it ends no worker, its memory goes when it ends, and it gets only pixels that
Pillow decoded, never a camera's bytes. A film is made of segments, bare H.264 without B-frames, which need only be laid
end to end; so a film that is made over an hour can be interrupted at every segment.

VideoFailed                 nothing came out; the text says why
└── EncoderMissing          there is no such program for this machine
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from photohub.lib.memory.later import later

if TYPE_CHECKING:
    import imageio_ffmpeg
else:
    imageio_ffmpeg = later("imageio_ffmpeg")

_KEY_FRAME_EVERY_S = 2
_END_WITHIN_S = 120.0
_LAST_WORDS_BYTES = 2000
_POLITENESS = 10
_COPY_BYTES = 1024 * 1024


class VideoFailed(Exception):
    """The encoder made nothing; the text is what it said last."""


class EncoderMissing(VideoFailed):
    """There is no encoder for this machine."""


@cache
def program() -> str:
    """Return the path of the encoder. Raises EncoderMissing."""
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise EncoderMissing(str(error)) from error


class Segment:
    """A stretch of the film while it is made: `write` takes frames of width × height × 3 bytes (RGB), row by row.

    Left by an exception, or when the encoder fails, it leaves no file.
    """

    def __init__(self, path: Path, width: int, height: int, fps: int) -> None:
        shape = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            f"{width}x{height}",
            "-r",
            str(fps),
            "-i",
            "pipe:0",
        ]
        codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-bf", "0"]
        codec += ["-g", str(fps * _KEY_FRAME_EVERY_S), "-threads", "1", "-f", "h264"]
        self._path = path
        self._run = _Run([*shape, *codec, str(path)])

    def __enter__(self) -> "Segment":
        return self

    def write(self, rgb: bytes) -> None:
        """Take one frame. Raises VideoFailed."""
        self._run.write(rgb)

    def __exit__(self, kind, error, trace) -> None:
        try:
            if error is None:
                self._run.finish()
            else:
                self._run.kill()
        except VideoFailed:
            self._path.unlink(missing_ok=True)
            raise
        if error is not None:
            self._path.unlink(missing_ok=True)


def join(segments: Iterable[Path], fps: int, target: Path) -> None:
    """Lay segments end to end into an MP4 that plays before it is loaded whole. Raises VideoFailed."""
    arguments = ["-f", "h264", "-framerate", str(fps), "-i", "pipe:0", "-c", "copy"]
    run = _Run([*arguments, "-movflags", "+faststart", "-f", "mp4", str(target)])
    try:
        for path in segments:
            with path.open("rb") as segment:
                while piece := segment.read(_COPY_BYTES):
                    run.write(piece)
        run.finish()
    except BaseException:
        run.kill()
        target.unlink(missing_ok=True)
        raise


class _Run:
    """One running encoder, fed through its standard input."""

    def __init__(self, arguments: list[str]) -> None:
        # Into a file: a pipe that nobody reads would hold the encoder up.
        self._said: IO[bytes] = tempfile.TemporaryFile()
        command = [program(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said, env={}
            )
        except OSError as error:
            self._said.close()
            raise EncoderMissing(str(error)) from error
        if self._process.stdin is None:
            raise RuntimeError("A process with a pipe for its input has none.")
        self._input = self._process.stdin
        # Uploads come first.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _POLITENESS)

    def write(self, data: bytes) -> None:
        try:
            self._input.write(data)
        except OSError as error:
            raise VideoFailed(self.kill()) from error

    def finish(self) -> None:
        """Wait until everything is written. Raises VideoFailed."""
        try:
            self._input.close()
            self._process.wait(_END_WITHIN_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VideoFailed(self.kill()) from error
        words = self.kill()
        if self._process.returncode:
            raise VideoFailed(words)

    def kill(self) -> str:
        """End the encoder, if it still runs, and return what it said last."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._input.close()
        if self._said.closed:
            return ""
        with self._said:
            self._said.seek(0, os.SEEK_END)
            self._said.seek(max(0, self._said.tell() - _LAST_WORDS_BYTES))
            return self._said.read().decode("utf-8", "replace").strip()[-300:]
