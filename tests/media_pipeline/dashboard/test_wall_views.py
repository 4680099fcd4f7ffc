import pytest
from django.test import Client

from devices.access.groups import DeviceGroup
from media_pipeline.dashboard import views as dashboard_views
from media_pipeline.live import now as live_now
from media_pipeline.live.latest_frame import Stats
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
GOING = Stats(fps=5.0, bytes_per_s=1000.0, age_s=0.1, frames=9, viewers=0)


def log_in(role: str, group: DeviceGroup | None = None) -> Client:
    client = Client()
    client.force_login(make_user(f"the-{role}", role, group))
    return client


@pytest.fixture
def stream(monkeypatch):
    """Let these cameras stream."""
    going: set[str] = set()
    monkeypatch.setattr(live_now, "stats_of", lambda codes: {c: GOING for c in codes if c in going})
    return going.update


def test_the_wall_shows_what_streams_and_names_what_does_not(stream):
    make_device("east", name="East gate"), make_device("west", name="West gate")
    stream({"east"})
    page = log_in("viewer").get("/wall").content.decode()
    assert 'data-camera="east"' in page and 'data-camera="west"' not in page
    assert 'data-quiet="west"' in page


def test_an_empty_wall_says_what_a_camera_has_to_send(settings):
    page = log_in("viewer").get("/wall").content.decode()
    assert "No camera is streaming" in page and f":{settings.STREAM_PORT}" in page


def test_viewers_have_no_button_to_keep_a_frame(stream):
    make_device("east")
    stream({"east"})
    assert "data-keep" not in log_in("viewer").get("/wall").content.decode().partition("data-kept")[0]
    assert "devices/east/keep" in log_in("operator").get("/wall").content.decode()


def test_a_group_narrows_the_wall(stream):
    yard = DeviceGroup.objects.create(name="Yard")
    make_device("east", group=yard), make_device("west")
    stream({"east", "west"})
    client = log_in("viewer")
    page = client.get(f"/wall?group={yard.pk}").content.decode()
    assert 'data-camera="east"' in page and "west" not in page
    assert client.get(f"/wall/west?group={yard.pk}").status_code == 404
    assert client.get(f"/wall/east?group={yard.pk}").status_code == 200


def test_strangers_do_not_learn_of_cameras(stream):
    make_device("east")
    stream({"east"})
    client = log_in("viewer", DeviceGroup.objects.create(name="Elsewhere"))
    assert "east" not in client.get("/wall").content.decode()
    assert client.get("/wall/east").status_code == 404


def test_more_cameras_than_a_wall_holds_are_told(stream, monkeypatch):
    monkeypatch.setattr(dashboard_views, "CAMERAS_AT_MOST", 2)
    for code in ("east", "north", "west"):
        make_device(code)
    stream({"east", "north", "west"})
    page = log_in("viewer").get("/wall").content.decode()
    assert page.count("data-camera=") == 2 and "1 more is streaming" in page


def test_without_scripts_four_cameras_stream_and_the_rest_show_their_newest_picture(stream):
    for number in range(5):
        make_capture(make_device(f"eye-{number}"))
    stream({f"eye-{number}" for number in range(5)})
    page = log_in("viewer").get("/wall").content.decode()
    assert page.count("stream.mjpg") == 4 and page.count("latest.jpg") == 1


@pytest.mark.parametrize(("count", "columns"), [(0, 1), (1, 1), (2, 2), (4, 2), (8, 3), (16, 4), (36, 6)])
def test_columns_leave_the_screens_large(count, columns):
    assert dashboard_views.columns_for(count) == columns
