"""The pictures of the READMEs: by whose clock they are taken, and that they fit."""

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from tools.readme_pictures import make_zone, shrink


def test_whatever_the_hour_the_demo_has_an_afternoon():
    times = [datetime(2025, 6, 30, hour, 59, tzinfo=UTC) for hour in range(24)]
    assert {at.astimezone(ZoneInfo(make_zone(at))).hour for at in times} == {15}


def test_a_picture_becomes_worse_until_it_fits():
    png = io.BytesIO()
    Image.effect_noise((200, 200), 60).save(png, "PNG")
    best = len(shrink(png.getvalue()))
    small = shrink(png.getvalue(), best - 1)
    assert len(small) < best and Image.open(io.BytesIO(small)).size == (200, 200)
    with pytest.raises(ValueError, match="Too large"):
        shrink(png.getvalue(), 100)
