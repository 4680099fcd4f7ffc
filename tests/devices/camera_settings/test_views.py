import pytest
from django.urls import reverse

from devices.camera_settings import queue
from devices.camera_settings.models import RestartState
from devices.protocol.camera_settings import Report
from tests.builders import make_device, make_user

CAMERA = reverse("devices:camera", args=["owl"])
UNDERSTOOD = reverse("devices:camera_understood", args=["owl"])
RESTART = reverse("devices:restart", args=["owl"])


@pytest.fixture
def owl(db, client):
    client.force_login(make_user("alice", "owner"))
    return make_device("owl", name="Owl")


def test_a_camera_that_does_not_understand_is_asked_for_nothing(owl, client):
    page = client.get(CAMERA).content.decode()
    assert "has not said that it can" in page and 'name="quality"' not in page
    assert client.post(CAMERA, {"quality": "80"}).status_code == 422


def test_its_owner_turns_it_on_and_off(owl, client):
    assert 'name="quality"' in client.post(UNDERSTOOD, {"understood": "on"}, follow=True).content.decode()
    assert (
        'name="quality"' not in client.post(UNDERSTOOD, {"understood": "off"}, follow=True).content.decode()
    )


def test_asked_for_and_reported_stand_side_by_side(owl, client):
    queue.note_report(owl, Report(settings={"frame_size": "VGA"}))
    page = client.post(CAMERA, {"frame_size": "uxga", "quality": "70"}, follow=True).content.decode()
    assert "The camera is told as soon as it is there." in page
    assert "UXGA (1600 × 1200)" in page and "VGA (640 × 480)" in page and "waiting until it wakes" in page


def test_a_refused_value_keeps_what_was_typed(owl, client):
    queue.vouch(owl, True)
    page = client.post(CAMERA, {"frame_size": "huge"})
    assert page.status_code == 422 and 'value="huge"' in page.content.decode()
    assert "Choose a size by its name" in page.content.decode()


def test_only_what_the_camera_has_is_asked(owl, client):
    queue.note_report(owl, Report(can=("quality",)))
    page = client.get(CAMERA).content.decode()
    assert 'name="quality"' in page and 'name="led"' not in page


def test_an_operator_restarts_and_wishes_nothing(owl, client):
    queue.vouch(owl, True)
    client.force_login(make_user("bob", "operator"))
    page = client.post(RESTART, follow=True).content.decode()
    assert "told to start again" in page and 'name="quality"' not in page
    assert queue.read(owl).restart_state == RestartState.WAITING
    assert client.post(CAMERA, {"quality": "80"}).status_code == 403
