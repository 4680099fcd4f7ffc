import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.test import Client

from devices.registry.models import Device
from media_pipeline.live import now as live_now
from media_pipeline.live.latest_frame import LatestFrames
from photohub.lib.messaging import notify
from tests.builders import make_device, make_jpeg, make_program, make_user

pytestmark = pytest.mark.django_db


@contextmanager
def streaming(*codes: str) -> Iterator[LatestFrames]:
    """Let cameras stream while the body runs, in a loop of its own as in a real process."""
    loop, frames = asyncio.new_event_loop(), LatestFrames()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    for code in codes:
        loop.call_soon_threadsafe(frames.put, code, make_jpeg())
    live_now.serve(frames, loop)
    try:
        yield frames
    finally:
        live_now.serve(None, None)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, role), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def told(monkeypatch) -> list[dict]:
    heard: list[dict] = []
    monkeypatch.setattr(notify, "send", lambda group, messages: heard.extend(messages))
    return heard


def test_the_tab_shows_the_stream_and_what_the_camera_has_to_send():
    make_device("pi", profile="raspberry-pi")
    html = client_of("viewer").get("/devices/pi/live/").content.decode()
    assert 'data-stream="/devices/pi/stream.mjpg"' in html and "PHOTOHUB pi" in html


def test_the_newest_frame_is_a_picture_for_lists():
    make_device("pi", profile="raspberry-pi")
    client = client_of("viewer")
    with streaming("pi"):
        answer = client.get("/devices/pi/still.jpg")
        assert (answer["Content-Type"], answer.content) == ("image/jpeg", make_jpeg())
        assert "no-store" in answer["Cache-Control"]


def test_without_a_frame_there_is_a_drawing_and_no_broken_picture():
    make_device("pi", profile="raspberry-pi")
    answer = client_of("viewer").get("/devices/pi/still.jpg")

    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")


def test_the_figures_say_how_the_stream_goes_or_that_there_is_none():
    make_device("pi", profile="raspberry-pi")
    client = client_of("viewer")
    assert "no stream" in client.get("/devices/pi/live/going").content.decode()
    with streaming("pi"):
        assert "frames a second" in client.get("/devices/pi/live/going").content.decode()


def test_keeping_a_frame_notifies_the_gateway(told):
    make_device("pi", profile="raspberry-pi")
    with streaming("pi"):
        answer = client_of("operator").post("/devices/pi/keep", headers={"accept": "application/json"})
    assert answer.status_code == 202 and {"type": "gateway.keep", "device": "pi"} in told


def test_without_a_stream_there_is_nothing_to_keep(told):
    make_device("pi", profile="raspberry-pi")
    answer = client_of("operator").post("/devices/pi/keep", headers={"accept": "application/json"})
    assert answer.status_code == 409 and answer.json()["err"] == "cannot_keep"
    assert not any(m["type"] == "gateway.keep" for m in told)


def test_who_may_only_look_keeps_nothing():
    make_device("pi", profile="raspberry-pi")
    with streaming("pi"):
        assert client_of("viewer").post("/devices/pi/keep").status_code == 403


def test_a_program_keeps_a_frame_by_the_api(told):
    make_device("pi", profile="raspberry-pi")
    with streaming("pi"):
        answer = make_program(make_user("op", "operator")).post("/api/v1/devices/pi/keep")
    assert (answer.status_code, answer.json()) == (202, {"device": "pi", "within_s": 30})


def test_a_card_says_live_only_while_its_camera_streams():
    make_device("pi", profile="raspberry-pi")
    client = client_of("viewer")
    assert "data-stream" not in client.get("/cards/pi").content.decode()
    with streaming("pi"):
        html = client.get("/cards/pi").content.decode()
    assert 'href="/devices/pi/live/"' in html and 'data-stream="/devices/pi/stream.mjpg"' in html


def test_a_stranger_does_not_learn_of_the_tab():
    make_device("pi", profile="raspberry-pi")
    client = Client()
    client.force_login(make_user("mallory"), "django.contrib.auth.backends.ModelBackend")
    assert client.get("/devices/pi/live/").status_code == 404


def test_a_switched_off_camera_has_no_stream():
    make_device("pi", profile="raspberry-pi")
    Device.objects.update(enabled=False)
    assert "data-stream" not in client_of("viewer").get("/devices/pi/live/").content.decode()
