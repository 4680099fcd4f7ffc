import io
from itertools import pairwise

import pytest
from PIL import Image, ImageChops, ImageStat

from simulators.scenes import NAMES, Scene, Still, make_still, with_settings

NOON = 1_768_000_000 // 86_400 * 86_400 + 12 * 3600.0
MIDNIGHT = NOON - 12 * 3600


def brightness(picture: Image.Image) -> float:
    return ImageStat.Stat(picture.convert("L")).mean[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_moment_gives_the_same_bytes(name: str):
    assert Scene(name, seed=3).jpeg(NOON, 7) == Scene(name, seed=3).jpeg(NOON, 7)


@pytest.mark.parametrize("name", NAMES)
def test_every_few_seconds_something_has_moved(name: str):
    frames = [Scene(name).image(NOON + 3 * step, 1).crop((0, 60, 1024, 768)) for step in range(4)]
    for before, after in pairwise(frames):
        changed = ImageChops.difference(before, after).convert("L").point([0] * 40 + [255] * 216)
        assert ImageStat.Stat(changed).mean[0] > 0.2


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_is_another_place(name: str):
    assert Scene(name, seed=1).image(NOON, 1) != Scene(name, seed=2).image(NOON, 1)


@pytest.mark.parametrize("name", ("harbour", "garden", "greenhouse"))
def test_nights_are_darker_than_days(name: str):
    assert brightness(Scene(name).image(MIDNIGHT, 1)) < 0.75 * brightness(Scene(name).image(NOON, 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hour", (0, 6.5, 12, 18.5))
def test_a_file_has_the_size_of_a_real_cameras(name: str, hour: float):
    data = Scene(name).jpeg(MIDNIGHT + hour * 3600, 1)
    assert 50_000 <= len(data) <= 95_000
    assert data.startswith(b"\xff\xd8\xff")
    assert data.endswith(b"\xff\xd9")


def test_a_smaller_picture_of_lower_quality_is_smaller():
    small = Scene("harbour", width=800, height=600).jpeg(NOON, 1)
    assert Image.open(io.BytesIO(small)).size == (800, 600)
    assert len(Scene("harbour", width=800, height=600, quality=40).jpeg(NOON, 1)) < len(small)


def test_name_clock_and_frame_number_are_burned_in():
    first, corners = Scene("workshop", camera="line-1"), ((0, 0, 400, 40), (800, 0, 1024, 40))
    other = [Scene("workshop", camera="line-2").image(NOON, 1), first.image(NOON, 88_888)]
    for picture, corner in zip(other, corners, strict=True):
        changed = ImageChops.difference(first.image(NOON, 1).crop(corner), picture.crop(corner))
        assert max(high for _, high in changed.getextrema()) > 150


def test_a_short_day_turns_night_into_day_within_a_minute():
    scene = Scene("harbour", day_s=120)
    assert brightness(scene.image(120_000, 1)) < brightness(scene.image(120_060, 1))


def test_an_unknown_scene_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="harbour, workshop"):
        Scene("moon")


def test_a_still_differs_in_every_frame_and_stays_a_picture():
    still = make_still("garden", width=320, height=240)
    first, second = still.jpeg(NOON, 1), still.jpeg(NOON, 2)
    assert first != second
    assert Image.open(io.BytesIO(first)).tobytes() == Image.open(io.BytesIO(second)).tobytes()
    assert Still(still.picture) == still


def test_a_scene_follows_settings_and_a_still_does_not():
    scene, still = Scene("garden", quality=60), Still(b"")
    small = with_settings(scene, {"frame_size": "QVGA"})
    assert (small.width, small.height, small.quality) == (320, 240, 60)
    assert (
        with_settings(scene, {"quality": 100}).quality == 95 and with_settings(still, {"quality": 1}) is still
    )
