"""Who takes part in the demo. All of it is marked as simulated, and goes with one click."""

from dataclasses import dataclass

# Boards that get new firmware; the first of them is the rollout's first step.
BOARDS = tuple((f"demo-board-{n}", f"Meter {n}") for n in range(1, 7))
PANEL = ("demo-panel", "Hall display")
PI = ("demo-pi", "Garage")
PI_SCENE = "workshop"


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
    Camera("demo-harbour", "Harbour", "harbour", 11, 60),
    Camera("demo-workshop", "Workshop", "workshop", 12, 60, sleeps=True),
    Camera("demo-greenhouse", "Greenhouse", "greenhouse", 13, 90),
    Camera("demo-yard", "Back yard", "garden", 14, 60),
    Camera("demo-jetty", "Jetty", "harbour", 27, 120),
)
SCENES = {camera.code: camera.scene for camera in CAMERAS} | {PI[0]: PI_SCENE}
