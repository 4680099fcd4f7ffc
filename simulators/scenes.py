"""Pictures for simulated cameras: the same scene, time, frame number and seed always give the same bytes."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from PIL import Image

from devices.protocol.camera_settings import pixels_of
from simulators.garden import paint_garden
from simulators.greenhouse import paint_greenhouse
from simulators.harbour import paint_harbour
from simulators.painting import Size, caption, develop
from simulators.workshop import paint_workshop

Source = TypeVar("Source")
Painter = Callable[[Size, float, float, int], Image.Image]

PAINTERS: dict[str, Painter] = {
    "harbour": paint_harbour,
    "workshop": paint_workshop,
    "greenhouse": paint_greenhouse,
    "garden": paint_garden,
}
NAMES = tuple(PAINTERS)


@dataclass(frozen=True)
class Scene:
    """One camera's view.

    `day_s` is how long its day lasts; `first_hour` is the hour at unix time 0. `offset_s` is how far its clock is ahead
    of UTC.
    """

    name: str
    camera: str = "camera"
    seed: int = 0
    width: int = 1024
    height: int = 768
    quality: int = 75
    day_s: float = 86_400.0
    first_hour: float = 0.0
    offset_s: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in PAINTERS:
            raise ValueError(f"There is no scene {self.name!r}; choose one of {', '.join(NAMES)}.")

    def image(self, t: float, frame: int) -> Image.Image:
        """Paint the view at unix time `t` with the camera's caption burned in."""
        hour = ((t + self.offset_s) / self.day_s * 24 + self.first_hour) % 24
        picture = PAINTERS[self.name]((self.width, self.height), t, hour, self.seed)
        picture = develop(picture, frame)
        clock = (datetime.fromtimestamp(t, UTC) + timedelta(seconds=self.offset_s)).strftime(
            "%Y-%m-%d %H:%M:%S"
        )
        caption(picture, f"{self.camera}  {clock}", f"#{frame:05d}")
        return picture

    def jpeg(self, t: float, frame: int) -> bytes:
        """Return the view as a JPEG file."""
        out = io.BytesIO()
        self.image(t, frame).save(out, "JPEG", quality=self.quality)
        return out.getvalue()


def with_settings(source: Source, settings: dict[str, Any]) -> Source:
    """Return the view as a camera with these settings sees it; what is no scene stays as it is."""
    if not isinstance(source, Scene):
        return source
    width, height = (
        pixels_of(settings["frame_size"]) if "frame_size" in settings else (source.width, source.height)
    )
    quality = min(95, settings.get("quality", source.quality))
    return replace(source, width=width, height=height, quality=quality)


@dataclass(frozen=True)
class Still:
    """One ready JPEG for load tests: painting costs nothing, and a comment makes every frame differ."""

    picture: bytes

    def jpeg(self, t: float, frame: int) -> bytes:
        """Return the picture with the frame number in a comment segment behind its first marker."""
        text = f"frame {frame} at {t:.3f}".encode()
        return self.picture[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + self.picture[2:]


def make_still(name: str = "harbour", **settings: Any) -> Still:
    """Return a still of a scene, painted once."""
    return Still(Scene(name, **settings).jpeg(time.time(), 1))
