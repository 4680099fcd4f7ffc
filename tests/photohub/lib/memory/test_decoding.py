import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from devices.panels.rendering import drawing
from devices.panels.sources import making
from media_pipeline.captures import thumbnails
from media_pipeline.captures.wording import exif_of
from media_pipeline.formats import images
from media_pipeline.time_lapses import frames
from photohub.lib.memory import budget as memory
from photohub.lib.memory import decoding
from tests.builders import make_capture, make_device, make_jpeg
from tests.peaks import Peak

MB = 2**20
BUDGET = 184 * MB


def make_png(width: int, height: int, depth: int, colour_type: int) -> bytes:
    """Return a PNG whose header says this, with no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    palette = chunk(b"PLTE", bytes(768)) if colour_type == 3 else b""
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + data + chunk(b"IEND", b"")


def encode(width: int, height: int, kind: str, **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("depth", "colour_type", "each"),
    [(8, 2, 4), (16, 2, 4), (16, 0, 3), (8, 0, 1), (8, 3, 2), (16, 4, 4), (16, 6, 4), (1, 0, 2)],
)
def test_forty_million_pixels_of_a_png_cost_what_was_measured_and_fit_alone(depth, colour_type, each):
    cost = decoding.cost_of(make_png(8000, 5000, depth, colour_type))
    assert cost == pytest.approx(40_000_000 * each, abs=5 * MB) and cost < BUDGET


@pytest.mark.parametrize(
    "options", [{"quality": 80}, {"lossless": True}, {"quality": 80, "exif": b"Exif\0\0MM\0*"}]
)
def test_a_webp_costs_by_the_size_that_its_first_chunk_says(options):
    cost = decoding.cost_of(encode(1000, 400, "WEBP", **options))
    assert cost == pytest.approx(400_000 * 16, abs=5 * MB) and cost > 400_000 * 16


def test_a_jpeg_costs_little_unless_it_is_progressive_or_wanted_whole():
    plain, progressive = encode(2000, 1000, "JPEG"), encode(2000, 1000, "JPEG", progressive=True)
    costs = [decoding.cost_of(plain), decoding.cost_of(progressive), decoding.cost_of(plain, scaled=False)]
    assert [round((cost - 4 * MB) / 2_000_000) for cost in costs] == [1, 4, 4]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8X\0", b"no picture"]
)
def test_what_no_decoder_takes_costs_next_to_nothing(data):
    assert decoding.cost_of(data) == 4 * MB


@pytest.mark.django_db
def test_previews_pictures_for_panels_and_facts_share_one_room(monkeypatch, settings):
    # Each takes 4 MB at least, so that two of them fit into 10.
    monkeypatch.setattr(memory, "room", memory.Room(10 * MB))
    peak, data = Peak(), make_jpeg()
    capture = make_capture(make_device(), data)

    def in_sight(decode):
        def seen(*args, **kwargs):
            with peak:
                peak.meet(2)
                return decode(*args, **kwargs)

        return seen

    monkeypatch.setattr(images, "make_thumbnail", in_sight(images.make_thumbnail))
    monkeypatch.setattr(images, "describe_exif", in_sight(images.describe_exif))
    monkeypatch.setattr(drawing, "render", in_sight(drawing.render))
    works = [
        lambda: thumbnails._make(capture),
        lambda: exif_of(data),
        lambda: making.render(data, {"width": 8, "height": 8}),
    ] * 4
    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(lambda work: work(), works))
    assert peak.most == 2


@pytest.mark.django_db
def test_without_memory_a_preview_waits_for_another_try_and_that_does_not_count(monkeypatch):
    monkeypatch.setattr(memory, "room", memory.Room(10 * MB, waiting_at_most=0))
    capture = make_capture(make_device())
    assert thumbnails.make_together([capture]) == 0
    capture.refresh_from_db()
    assert (capture.thumbnail_state, capture.thumbnail_attempts) == ("pending", 0)


@pytest.mark.django_db
def test_what_never_fits_is_shown_without_a_preview_and_not_sent_to_panels(monkeypatch):
    monkeypatch.setattr(memory, "room", memory.Room(MB))
    capture = make_capture(make_device())
    assert thumbnails.make_together([capture]) == 0
    capture.refresh_from_db()
    assert capture.thumbnail_state == "failed"
    with pytest.raises(drawing.TooManyPixels):
        making.render(make_jpeg(), {})


def test_a_film_s_size_is_read_without_drawing_the_picture_whole(monkeypatch):
    boxes = []
    draw = images.draw_upright
    monkeypatch.setattr(images, "draw_upright", lambda data, box: (boxes.append(box), draw(data, box))[1])
    assert frames.size_of_film(make_jpeg(4000, 3000), 1280) == (1280, 960)
    assert boxes[0][0] == 1280
