"""Who takes part in the demo. All of it is marked as simulated, and goes with one click. Names are messages to translate."""

from dataclasses import dataclass


def _(message: str) -> str:
    """Mark what is to be translated; Django's own function wants the settings first."""
    return message


# Boards that get new firmware; the first of them is the rollout's first step.
BOARDS = tuple((f"demo-board-{n}", n) for n in range(1, 7))
BOARD_NAME = _("Meter %(number)s")
PANEL = ("demo-panel", _("Hall display"))
PI = ("demo-pi", _("Garage"))
PI_SCENE = "workshop"


@dataclass(frozen=True)
class Addresses:
    """Where those who take part find the hub, on this machine."""

    http_port: int
    mqtt_port: int
    stream_port: int


@dataclass(frozen=True)
class Camera:
    """A camera with a past: a picture each `every_min` minutes, by day only where it `sleeps`."""

    code: str
    name: str
    scene: str
    seed: int
    every_min: int
    sleeps: bool = False


CAMERAS = (
    Camera("demo-harbour", _("Harbour"), "harbour", 11, 60),
    Camera("demo-workshop", _("Workshop"), "workshop", 12, 60, sleeps=True),
    Camera("demo-greenhouse", _("Greenhouse"), "greenhouse", 13, 90),
    Camera("demo-yard", _("Back yard"), "garden", 14, 60),
    Camera("demo-jetty", _("Jetty"), "harbour", 27, 120),
)
SCENES = {camera.code: camera.scene for camera in CAMERAS} | {PI[0]: PI_SCENE}
SEEDS = {camera.code: camera.seed for camera in CAMERAS}
# What each burns into its pictures: cheap cameras know Latin letters alone.
BURNED_IN = {camera.code: camera.name for camera in CAMERAS} | {PI[0]: PI[1]}
