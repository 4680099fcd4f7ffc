from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from devices.access.groups import DeviceGroup
from media_pipeline.captures.models import Capture
from media_pipeline.time_lapses import making
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.time_lapses.queue import Wish
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db


def log_in(role: str, group: DeviceGroup | None = None) -> Client:
    client = Client()
    client.force_login(make_user(f"the-{role}", role, group))
    return client


def porch_with(count: int):
    device = make_device("porch")
    return device, [make_capture(device, name=f"n{n}") for n in range(count)]


def ready_film(count: int = 2) -> TimeLapse:
    device, _captures = porch_with(count)
    time_lapse = time_lapses.ask_for(Wish(device))
    making.make_all([time_lapse.pk])
    time_lapse.refresh_from_db()
    assert time_lapse.state == LapseState.READY, time_lapse.error
    return time_lapse


def test_the_form_says_how_many_pictures_before_anything_is_made():
    porch_with(3)
    page = log_in("operator").get("/timelapses/new?device=porch").content.decode()
    assert "<dt>Pictures</dt> <dd> 3 </dd>" in " ".join(page.split()) and "Making it takes about" in page
    assert not TimeLapse.objects.exists()


def test_like_pictures_can_be_left_out_and_the_page_says_how_many():
    _device, captures = porch_with(4)
    for capture, dhash in zip(captures, (0, 1, 2**63 - 1, 2**63 - 2), strict=True):
        Capture.objects.filter(pk=capture.pk).update(dhash=dhash)
    client = log_in("operator")
    values = {"device": "porch", "step": 1, "fps": 5, "width": 640, "skip_like": "on"}
    page = client.post("/timelapses/new", values | {"action": "count"}).content.decode()
    assert "2 similar pictures left out" in page
    client.post("/timelapses/new", values | {"action": "make"})
    time_lapse = TimeLapse.objects.get()
    making.make_all([time_lapse.pk])
    page = client.get(f"/timelapses/{time_lapse.pk}").content.decode()
    assert "2 similar pictures left out" in page


def test_a_film_on_its_way_says_how_long_it_still_takes():
    device, _captures = porch_with(3)
    time_lapse = time_lapses.ask_for(Wish(device))
    TimeLapse.objects.update(frames_done=1, worked_s=90)
    page = log_in("operator").get(f"/timelapses/{time_lapse.pk}").content.decode()
    assert "about 3 min" in " ".join(page.split())


def test_a_form_that_nobody_sent_is_no_refusal_where_the_camera_has_no_picture():
    porch_with(0)
    assert log_in("operator").get("/timelapses/new").status_code == 200


def test_counting_makes_nothing_and_making_leads_to_its_page():
    porch_with(3)
    client, values = log_in("operator"), {"device": "porch", "step": 2, "fps": 5, "width": 640}
    counted = client.post("/timelapses/new", values | {"action": "count"})
    page = " ".join(counted.content.decode().split())
    assert "<dt>Pictures</dt> <dd> 2 </dd>" in page and not TimeLapse.objects.exists()
    made = client.post("/timelapses/new", values | {"action": "make"})
    time_lapse = TimeLapse.objects.get()
    assert made.url == f"/timelapses/{time_lapse.pk}"
    assert (time_lapse.frames_total, time_lapse.fps, time_lapse.asked_by.username) == (2, 5, "the-operator")


def test_a_time_without_pictures_is_refused_at_its_field():
    porch_with(1)
    values = {"device": "porch", "since": "2001-01-01T00:00", "before": "2001-01-02T00:00", "action": "make"}
    answer = log_in("operator").post("/timelapses/new", values | {"step": 1, "fps": 5, "width": 640})
    assert answer.status_code == 422 and "no picture from that time" in answer.content.decode()


def test_days_of_the_history_become_times_in_the_visitors_zone():
    porch_with(1)
    client = log_in("operator")
    client.cookies["photohub_tz"] = "Asia/Shanghai"
    page = client.get("/timelapses/new?device=porch&from=2025-06-30&to=2025-06-30").content.decode()
    assert 'value="2025-06-30T00:00"' in page and 'value="2025-07-01T00:00"' in page


def test_selected_pictures_become_a_film():
    _device, captures = porch_with(3)
    client, ids = log_in("operator"), []
    ids = [str(c.pk) for c in captures[:2]]
    page = client.post("/history/change", {"action": "timelapse", "capture": ids}).content.decode()
    assert "The 2 selected pictures" in page and ids[0] in page
    values = {"device": "porch", "step": 1, "fps": 5, "width": 640, "action": "make", "capture": ids}
    client.post("/timelapses/new", values)
    assert sorted(TimeLapse.objects.get().chosen) == sorted(ids)


def test_pictures_of_two_cameras_are_no_film():
    ids = [str(make_capture(make_device(code)).pk) for code in ("porch", "yard")]
    answer = log_in("operator").post("/history/change", {"action": "timelapse", "capture": ids}, follow=True)
    assert "one camera" in answer.content.decode()


def test_a_viewer_watches_and_makes_nothing():
    film, client = ready_film(), log_in("viewer")
    page = client.get(f"/timelapses/{film.pk}").content.decode()
    assert "<video" in page and "film-delete" not in page
    assert client.get("/timelapses/new").status_code == 403
    assert client.post(f"/timelapses/{film.pk}/delete").status_code == 403
    assert client.post(f"/timelapses/{film.pk}/cancel").status_code == 403


def test_a_stranger_finds_nothing():
    film, client = ready_film(), log_in("viewer", DeviceGroup.objects.create(name="Elsewhere"))
    for path in ("", "/film.mp4"):
        assert client.get(f"/timelapses/{film.pk}{path}").status_code == 404
    page = client.get(f"/timelapses/{film.pk}/now").content.decode()
    assert "no longer here" in page and "porch" not in page
    assert "No time-lapses yet" in client.get("/timelapses").content.decode()


def test_the_film_is_sent_whole_and_in_parts():
    film = ready_film()
    program = make_program(make_user("bot", "viewer"), "read")
    whole = program.get(f"/timelapses/{film.pk}/film.mp4")
    assert (whole.status_code, whole["Content-Length"]) == (200, str(film.size_bytes))
    part = program.get(f"/timelapses/{film.pk}/film.mp4?download", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part["Content-Length"]) == (206, "4")
    assert part["Content-Disposition"].startswith('attachment; filename="porch-')


def test_a_film_on_its_way_can_be_stopped_and_has_no_file():
    device, _captures = porch_with(2)
    time_lapse, client = time_lapses.ask_for(Wish(device)), log_in("operator")
    assert "0 of 2 pictures" in client.get(f"/timelapses/{time_lapse.pk}/now").content.decode()
    assert client.get(f"/timelapses/{time_lapse.pk}/film.mp4").status_code == 404
    client.post(f"/timelapses/{time_lapse.pk}/cancel")
    assert "Nothing was kept" in client.get(f"/timelapses/{time_lapse.pk}").content.decode()


def test_a_film_whose_file_is_lost_says_so():
    film = ready_film()
    time_lapses.film_path(film.pk).unlink()
    assert "file is missing" in log_in("viewer").get(f"/timelapses/{film.pk}").content.decode()


def test_deleting_takes_the_file_along(django_capture_on_commit_callbacks):
    film, client = ready_film(), log_in("operator")
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(f"/timelapses/{film.pk}/delete").url == "/timelapses"
    assert not TimeLapse.objects.exists() and not time_lapses.film_path(film.pk).exists()


def test_the_list_is_of_one_device_when_it_is_named():
    ready_film()
    yard = make_device("yard")
    make_capture(yard)
    time_lapses.ask_for(Wish(yard, before=timezone.now() + timedelta(hours=1)))
    page = log_in("viewer").get("/timelapses?device=yard").content.decode()
    assert page.count("films__link") == 1 and "0 of 1 pictures" in page
