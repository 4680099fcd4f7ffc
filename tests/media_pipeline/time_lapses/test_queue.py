from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from media_pipeline.time_lapses import making
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.time_lapses.queue import Wish
from photohub.lib.ids import new_id
from photohub.lib.messaging import enqueue
from tests.builders import make_capture, make_device, make_jpeg

pytestmark = pytest.mark.django_db


def porch_with(count: int, width: int = 64):
    device = make_device("porch")
    for n in range(count):
        make_capture(device, make_jpeg(width, 48, text=str(n)), name=f"n{n}")
    return device


def test_the_outlook_counts_frames_and_seconds():
    device = porch_with(5, width=1000)
    look = time_lapses.look_ahead(Wish(device, step=2, fps=3, width=1280))
    assert (look.frames, look.film_s) == (3, 1.0)
    assert look.work_s == pytest.approx(3 * 0.75 * time_lapses._S_PER_MEGAPIXEL)


def test_the_outlook_learns_from_the_last_film():
    device = porch_with(1, width=1280)
    ended = {"state": LapseState.READY, "width": 640, "height": 480, "fps": 5}
    TimeLapse.objects.create(device=device, frames_total=100, frames_done=100, worked_s=50.0, **ended)
    assert time_lapses.look_ahead(Wish(device, width=1280)).work_s == pytest.approx(2.0)


def test_too_many_frames_are_refused_until_fewer_are_taken(monkeypatch):
    monkeypatch.setattr(time_lapses, "FRAMES_AT_MOST", 3)
    device = porch_with(5)
    with pytest.raises(ValidationError, match="more than 3 pictures"):
        time_lapses.ask_for(Wish(device))
    assert time_lapses.ask_for(Wish(device, step=2)).frames_total == 3


def test_too_many_waiting_films_are_refused(monkeypatch):
    monkeypatch.setattr(time_lapses, "OPEN_AT_MOST", 1)
    device = porch_with(1)
    time_lapses.ask_for(Wish(device))
    with pytest.raises(ValidationError, match="Too many"):
        time_lapses.ask_for(Wish(device))


def test_pictures_that_come_later_belong_to_another_film():
    device = porch_with(1)
    time_lapse = time_lapses.ask_for(Wish(device))
    make_capture(device, name="later")
    assert [c.name for c in time_lapses.pictures_of(time_lapse)] == ["n0"]


def test_asking_enqueues_once_it_is_committed(monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(enqueue, "send_task", lambda task, ids: sent.append((task, ids)))
    device = porch_with(1)
    with django_capture_on_commit_callbacks(execute=True):
        time_lapse = time_lapses.ask_for(Wish(device))
        assert (time_lapses.TASK, [time_lapse.pk]) not in sent
    assert (time_lapses.TASK, [time_lapse.pk]) in sent


def test_a_film_that_is_over_cannot_be_cancelled():
    time_lapse = time_lapses.ask_for(Wish(porch_with(1)))
    making.make_all([time_lapse.pk])
    assert not time_lapses.cancel(time_lapse)
    assert TimeLapse.objects.get().state == LapseState.READY


def test_old_films_go_and_young_ones_stay(settings, django_capture_on_commit_callbacks):
    settings.KEEP_TIME_LAPSES_DAYS = 7
    device = porch_with(1)
    old, young = [time_lapses.ask_for(Wish(device)) for _n in range(2)]
    making.make_all([old.pk, young.pk])
    TimeLapse.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert time_lapses.drop_expired() == 1
    young.refresh_from_db()
    assert timedelta(days=6) < young.expires_at - timezone.now() < timedelta(days=7)
    assert list(settings.TIME_LAPSES_DIR.iterdir()) == [time_lapses.film_path(young.pk)]


def test_files_without_a_film_are_removed(settings):
    time_lapse = time_lapses.ask_for(Wish(porch_with(1)))
    making.make_all([time_lapse.pk])
    left = new_id()
    time_lapses.film_path(left).write_bytes(b"x")
    time_lapses.segment_folder(left).mkdir()
    assert time_lapses.drop_left_over() == 2
    assert list(settings.TIME_LAPSES_DIR.iterdir()) == [time_lapses.film_path(time_lapse.pk)]
