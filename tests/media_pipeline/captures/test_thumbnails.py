import io
from datetime import timedelta

import pytest
from django.utils import timezone
from PIL import Image

from devices.events.models import Event, Trouble
from media_pipeline.captures import thumbnails
from media_pipeline.captures.models import Capture, Step
from media_pipeline.formats import images
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db


def test_a_thumbnail_is_made_with_its_colour():
    capture = make_capture(make_device(), make_jpeg(800, 600, "seagreen"))
    assert thumbnails.make_all([capture.pk]) == 1
    capture.refresh_from_db()
    assert (
        capture.thumbnail_state == Step.DONE and capture.colour.startswith("#") and capture.dhash is not None
    )
    with Image.open(io.BytesIO(store.thumbnail_path(capture.pk).read_bytes())) as picture:
        assert picture.format == "WEBP" and max(picture.size) == thumbnails.SIDE_PX


def test_making_it_twice_is_harmless():
    capture = make_capture(make_device())
    assert [thumbnails.make_all([capture.pk]), thumbnails.make_all([capture.pk])] == [1, 0]


def test_a_picture_that_cannot_be_read_is_given_up(monkeypatch):
    def fail(*args, **kwargs):
        raise images.ThumbnailFailed("no")

    capture = make_capture(make_device())
    monkeypatch.setattr(images, "make_thumbnail", fail)
    thumbnails.make_all([capture.pk])
    capture.refresh_from_db()
    assert capture.thumbnail_state == Step.FAILED


def webp(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(out, "WEBP", quality=1, method=0)
    return out.getvalue()


def test_a_picture_without_a_preview_says_why_with_it_and_with_its_device(client):
    client.force_login(make_user("ada", "owner"))
    device = make_device()
    large, cut = make_capture(device, webp(4000, 3500), name="large"), make_capture(device, make_jpeg()[:60])
    for capture, word, flag in (
        (large, "preview_too_large", "large_preview"),
        (cut, "preview_failed", "no_preview"),
    ):
        assert thumbnails.make_all([capture.pk]) == 0
        capture.refresh_from_db()
        assert capture.thumbnail_state == Step.FAILED and flag in capture.flags
        trouble = Trouble.objects.get(word=word)
        assert trouble.is_open and Event.objects.filter(device=device, word=word).exists()
        assert "no preview" in client.get(f"/captures/{capture.pk}").text
        assert flag in client.get(f"/api/v1/captures/{capture.pk}").json()["flags"]
    assert Trouble.objects.get(word="preview_too_large").values == {"name": "large", "megapixels": 14}
    thumbnails.make_all([make_capture(device, name="good").pk])
    assert not Trouble.objects.open().exists()


def test_a_picture_that_kills_its_worker_is_given_up_in_the_end():
    capture = make_capture(make_device(), thumbnail_attempts=thumbnails.ATTEMPTS_AT_MOST)
    assert thumbnails.make_all([capture.pk]) == 0
    capture.refresh_from_db()
    assert capture.thumbnail_state == Step.FAILED


def test_the_sweeper_finds_what_was_not_enqueued():
    device = make_device()
    old = make_capture(device, name="old")
    make_capture(device, name="new")
    Capture.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(minutes=2))
    assert thumbnails.due() == [old.pk]


def test_a_picture_from_a_clock_that_was_ahead_is_due_now():
    capture = make_capture(make_device(), received_at=timezone.now() + timedelta(days=400))
    assert thumbnails.due() == [capture.pk]


def test_a_picture_that_makes_the_library_stumble_keeps_no_other_from_its_preview(monkeypatch):
    device = make_device()
    bad, good = (
        make_capture(device, make_jpeg(text="bad")),
        make_capture(device, make_jpeg(text="good")),
    )
    make, bytes_of_bad = images.make_thumbnail, store.full_path(bad.path).read_bytes()

    def stumble(data: bytes, side_px: int):
        if data == bytes_of_bad:
            raise RuntimeError("what nobody thought of")
        return make(data, side_px)

    monkeypatch.setattr(images, "make_thumbnail", stumble)
    assert thumbnails.make_all([bad.pk, good.pk]) == 1
    good.refresh_from_db()
    assert good.thumbnail_state == "done"


def test_what_is_wrong_with_a_picture_is_noted_with_its_preview():
    device, data = make_device(), make_jpeg(320, 240, text="porch")
    made = {
        "sound": make_capture(device, data, name="sound"),
        "cut_short": make_capture(device, data[: len(data) * 2 // 3], name="cut"),
        "black": make_capture(device, make_jpeg(320, 240, "black"), name="dark"),
    }
    thumbnails.make_all([capture.pk for capture in made.values()])
    found = {name: Capture.objects.get(pk=capture.pk).fault for name, capture in made.items()}
    assert found == {"sound": None, "cut_short": "cut_short", "black": "black"}


def test_a_picture_that_is_too_short_to_draw_is_cut_short_too():
    capture = make_capture(make_device(), make_jpeg()[:60])
    thumbnails.make_all([capture.pk])
    assert Capture.objects.get().fault == "cut_short"
