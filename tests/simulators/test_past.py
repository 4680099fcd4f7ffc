import io
import json
import struct

from PIL import Image

from simulators import past

WISH = {
    "scene": "garden",
    "camera": "Yard",
    "seed": 3,
    "at": 1_780_000_000,
    "frame": 7,
    "offset_s": 0,
    "fault": "",
}


def test_each_line_is_answered_with_the_length_and_the_picture():
    out = io.BytesIO()
    past.serve(io.BytesIO(2 * (json.dumps(WISH).encode() + b"\n")), out)
    answers = out.getvalue()
    (length,) = struct.unpack(">I", answers[:4])
    picture = answers[4 : 4 + length]
    assert Image.open(io.BytesIO(picture)).size == (past.WIDTH, past.HEIGHT)
    # The same wish gives the same bytes, so that a month painted twice is stored once.
    assert answers == 2 * (answers[:4] + picture)


def brightness(**wish) -> float:
    picture = Image.open(io.BytesIO(past.paint(WISH | wish))).convert("L")
    return float(picture.resize((1, 1)).getpixel((0, 0)))


def test_the_camera_s_own_clock_makes_day_and_night():
    midnight = 1_780_000_000 - 1_780_000_000 % 86_400
    assert brightness(at=midnight, offset_s=12 * 3600) > 2 * brightness(at=midnight)


def test_a_covered_lens_is_black_and_a_picture_that_was_cut_short_has_no_end():
    assert brightness(fault=past.DARK) < 10
    whole, cut = past.paint(WISH), past.paint(WISH | {"fault": past.CUT_SHORT})
    assert whole.startswith(cut) and len(cut) < len(whole)
