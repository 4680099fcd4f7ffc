"""Pictures of days gone by, for a hub that paints them in a process of its own: `python -m simulators.past`.

    in    one JSON object a line: {"scene", "camera", "seed", "at", "frame", "offset_s", "fault"}
    out   <u32 big> length, then that many bytes of JPEG, for each line in order

The program ends when its input does, as when the hub that started it dies.
"""

import contextlib
import io
import json
import os
import signal
import struct
import sys
from typing import BinaryIO

from PIL import Image

from simulators.scenes import Scene

WIDTH, HEIGHT, QUALITY = 640, 480, 70
CUT_SHORT, DARK = "cut", "dark"
FAULTS = (CUT_SHORT, DARK)
_NICENESS = 10


def paint(wish: dict) -> bytes:
    """Return one picture, with the fault that was wished for: cut short on its way, or a lens that is covered."""
    scene = Scene(
        wish["scene"],
        camera=wish["camera"],
        seed=wish["seed"],
        width=WIDTH,
        height=HEIGHT,
        quality=QUALITY,
        offset_s=wish["offset_s"],
    )
    fault = wish.get("fault", "")
    if fault == DARK:
        return _covered()
    picture = scene.jpeg(wish["at"], wish["frame"])
    return picture[: len(picture) * 3 // 5] if fault == CUT_SHORT else picture


def _covered() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (4, 4, 5)).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer each line until there are no more."""
    for line in asked:
        picture = paint(json.loads(line))
        answers.write(struct.pack(">I", len(picture)) + picture)
        answers.flush()


def main() -> None:
    """Paint beside a hub, after everything else that wants the processor; Ctrl-C is the hub's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
