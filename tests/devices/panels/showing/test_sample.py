import io

from PIL import Image

from devices.panels.rendering.drawing import PROFILES, render
from devices.panels.showing.sample import HEIGHT_PX, WIDTH_PX, sample_picture


def test_it_is_the_same_each_time_and_full_of_colours():
    image = Image.open(io.BytesIO(sample_picture()))
    assert sample_picture() == sample_picture() and image.size == (WIDTH_PX, HEIGHT_PX)
    assert len(image.getcolors(1 << 20)) > 100


def test_every_ready_made_profile_can_draw_it():
    assert all(render(sample_picture(), profile).data for profile in PROFILES.values())
