import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from devices.events.models import Event
from media_pipeline.captures.models import Capture
from media_pipeline.picture_files import store
from media_pipeline.time_lapses import making, video
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.time_lapses.queue import Wish
from photohub.lib.messaging import load
from tests.builders import make_capture, make_device, make_jpeg

pytestmark = pytest.mark.django_db
DAWN = datetime(2025, 6, 30, 4, 0, tzinfo=UTC)
COLOURS = ("red", "lime", "blue", "white", "black")


def make_series(device, count: int = 5, width: int = 64, height: int = 48) -> list[Capture]:
    """Return pictures of one minute each, every one of another colour than the one before."""
    return [
        make_capture(
            device,
            make_jpeg(width, height, COLOURS[n % len(COLOURS)], quality=95),
            name=f"n{n}",
            received_at=DAWN + timedelta(minutes=n),
        )
        for n in range(count)
    ]


def make_film(time_lapse: TimeLapse) -> TimeLapse:
    """Work on it as the tasks do, until it is over."""
    for _turn in range(20):
        if not making.make_all([time_lapse.pk]):
            break
    time_lapse.refresh_from_db()
    return time_lapse


def colours_of(film: Path) -> list[str]:
    """Return the colour that is nearest to each frame of the film, decoded by ffmpeg itself."""
    command = [video.program(), "-loglevel", "error", "-i", str(film), "-vf", "scale=1:1"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    shades = {
        (255, 0, 0): "red",
        (0, 255, 0): "lime",
        (0, 0, 255): "blue",
        (255,) * 3: "white",
        (0,) * 3: "black",
    }
    pixels = [tuple(raw.stdout[at : at + 3]) for at in range(0, len(raw.stdout), 3)]
    return [
        shades[min(shades, key=lambda s: sum(abs(a - b) for a, b in zip(s, p, strict=True)))] for p in pixels
    ]


def test_a_film_shows_the_pictures_in_their_order():
    device = make_device()
    make_series(device)
    time_lapse = make_film(time_lapses.ask_for(Wish(device, fps=5)))
    film = time_lapses.film_path(time_lapse.pk)
    assert (time_lapse.state, time_lapse.frames_done, time_lapse.frames_skipped) == (LapseState.READY, 5, 0)
    assert colours_of(film) == list(COLOURS)
    assert (time_lapse.width, time_lapse.height, time_lapse.size_bytes) == (64, 48, film.stat().st_size)
    assert not time_lapses.segment_folder(time_lapse.pk).exists()


@pytest.mark.parametrize("stretch_s", [20.0, 0.0001])
def test_a_film_leaves_out_what_looks_like_the_picture_shown_before(monkeypatch, stretch_s):
    monkeypatch.setattr(making, "STRETCH_S", stretch_s)
    device = make_device()
    # Each differs by six bits from the one before; the third is as far from the first as a new picture is.
    for capture, dhash in zip(make_series(device), (0, 0x3F, 0xFFF, 0x3FFFF, None), strict=True):
        Capture.objects.filter(pk=capture.pk).update(dhash=dhash)
    wish = Wish(device, skip_like=True)
    assert (time_lapses.look_ahead(wish).shown, time_lapses.look_ahead(wish).frames) == (3, 5)
    time_lapse = make_film(time_lapses.ask_for(wish))
    assert colours_of(time_lapses.film_path(time_lapse.pk)) == ["red", "blue", "black"]
    assert (time_lapse.frames_done, time_lapse.frames_like, time_lapse.frames_shown) == (5, 2, 3)


def test_a_film_made_in_many_stretches_is_the_same(monkeypatch):
    monkeypatch.setattr(making, "STRETCH_S", 0.0001)
    monkeypatch.setattr(making, "SEGMENT_FRAMES", 2)
    device = make_device()
    make_series(device)
    time_lapse = time_lapses.ask_for(Wish(device))
    assert making.make_all([time_lapse.pk]) == [time_lapse.pk]
    time_lapse.refresh_from_db()
    assert (time_lapse.state, time_lapse.segments, time_lapse.lease) == (LapseState.WORKING, 1, None)
    assert colours_of(time_lapses.film_path(make_film(time_lapse).pk)) == list(COLOURS)


def test_a_worker_that_dies_loses_only_the_segment_it_was_at(monkeypatch):
    monkeypatch.setattr(making, "SEGMENT_FRAMES", 2)
    device = make_device()
    make_series(device)
    time_lapse = time_lapses.ask_for(Wish(device))
    drawn = iter([b"\0" * (64 * 48 * 3)] * 3)
    with monkeypatch.context() as patch:
        patch.setattr(making.frames, "draw_frame", lambda *args: next(drawn))
        with pytest.raises(StopIteration):
            making.make_all([time_lapse.pk])
    TimeLapse.objects.update(lease_until=timezone.now() - timedelta(seconds=1), frames_done=3)
    time_lapse = make_film(time_lapse)
    assert (time_lapse.state, time_lapse.frames_done) == (LapseState.READY, 5)
    assert colours_of(time_lapses.film_path(time_lapse.pk)) == ["black", "black", "blue", "white", "black"]


def test_damaged_and_missing_pictures_are_passed_over_and_counted():
    device = make_device()
    series = make_series(device)
    store.full_path(series[1].path).unlink()
    path = store.full_path(series[2].path)
    path.write_bytes(path.read_bytes()[:300])
    time_lapse = make_film(time_lapses.ask_for(Wish(device)))
    assert (time_lapse.state, time_lapse.frames_done, time_lapse.frames_skipped) == (LapseState.READY, 5, 2)
    assert colours_of(time_lapses.film_path(time_lapse.pk)) == ["red", "white", "black"]


def test_every_second_picture_of_a_range():
    device = make_device()
    make_series(device)
    time_lapse = time_lapses.ask_for(Wish(device, since=DAWN + timedelta(minutes=1), step=2))
    assert time_lapse.frames_total == 2
    assert colours_of(time_lapses.film_path(make_film(time_lapse).pk)) == ["lime", "white"]


def test_chosen_pictures_alone_are_shown():
    device = make_device()
    series = make_series(device)
    time_lapse = time_lapses.ask_for(Wish(device, chosen=(str(series[3].pk), str(series[0].pk))))
    assert colours_of(time_lapses.film_path(make_film(time_lapse).pk)) == ["red", "white"]


def test_a_film_without_a_readable_picture_fails_and_says_so():
    device = make_device()
    for capture in make_series(device, 2):
        store.full_path(capture.path).unlink()
    time_lapse = make_film(time_lapses.ask_for(Wish(device)))
    assert (time_lapse.state, time_lapse.reason) == (LapseState.FAILED, "no_pictures")
    assert "could be read" in time_lapse.error and Event.objects.filter(problem=True).exists()


def test_a_cancelled_film_stops_at_the_next_picture_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(making, "_NOTE_EVERY_S", 0.0)
    device = make_device()
    make_series(device)
    time_lapse = time_lapses.ask_for(Wish(device))
    monkeypatch.setattr(making, "read_picture", lambda c: (time_lapses.cancel(time_lapse), make_jpeg())[1])
    assert making.make_all([time_lapse.pk]) == []
    time_lapse.refresh_from_db()
    assert time_lapse.state == LapseState.CANCELLED
    assert list(store.settings.TIME_LAPSES_DIR.iterdir()) == []


def test_one_film_at_a_time_and_none_while_many_pictures_arrive(monkeypatch):
    device = make_device()
    make_series(device)
    first, second = time_lapses.ask_for(Wish(device)), time_lapses.ask_for(Wish(device, fps=2))
    assert making._claim(first.pk) and making._claim(second.pk) is None
    assert making.due() == [second.pk]
    TimeLapse.objects.update(lease=None)
    monkeypatch.setattr(load, "is_high", lambda: True)
    assert making._claim(first.pk) is None


def test_an_encoder_that_fails_is_tried_again_and_given_up_in_the_end(monkeypatch):
    device = make_device()
    make_series(device)
    time_lapse = time_lapses.ask_for(Wish(device))
    monkeypatch.setattr(video, "program", lambda: "/bin/false")
    for _turn in range(making.ATTEMPTS_AT_MOST + 1):
        assert making.make_all([time_lapse.pk]) == []
        TimeLapse.objects.update(next_try_at=timezone.now())
    time_lapse.refresh_from_db()
    assert (time_lapse.state, time_lapse.reason) == (LapseState.FAILED, "gave_up")


def test_a_hub_without_an_encoder_says_so(monkeypatch):
    def missing():
        raise video.EncoderMissing("none")

    device = make_device()
    make_series(device)
    monkeypatch.setattr(video, "program", missing)
    time_lapse = make_film(time_lapses.ask_for(Wish(device)))
    assert (time_lapse.state, time_lapse.reason) == (LapseState.FAILED, "no_encoder")


def test_a_full_disk_begins_no_film(settings):
    device = make_device()
    make_series(device)
    settings.DISK_FLOOR_BYTES = 1 << 60
    time_lapse = make_film(time_lapses.ask_for(Wish(device)))
    assert (time_lapse.state, time_lapse.reason) == (LapseState.FAILED, "disk_full")
