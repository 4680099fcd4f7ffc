import json

import pytest

from devices.panels.rendering import profiles as render_profiles
from devices.registry.models import Panel
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def program():
    render_profiles.offer_ready_made()
    return make_program(make_user("ada", "owner"))


def change(program, code: str, panel: dict, method: str = "patch"):
    return getattr(program, method)(
        f"/api/v1/devices/{code}", json.dumps({"panel": panel}), content_type="application/json"
    )


def test_a_camera_has_no_panel_and_a_panel_has(program):
    make_device("yard"), make_device("hall", profile="panel")
    listed = {d["code"]: d["panel"] for d in program.get("/api/v1/devices").json()["items"]}
    assert listed["yard"] is None and listed["hall"]["poll_interval_s"] == 900


def test_what_a_panel_wants_is_changed(program):
    make_device("hall", profile="panel")
    answer = change(
        program, "hall", {"render_profile": "epaper-800x480-bw", "hardware_address": "94a9908c6d18"}
    )
    panel = answer.json()["panel"]
    assert (panel["render_profile"], panel["hardware_address"]) == ("epaper-800x480-bw", "94:A9:90:8C:6D:18")
    assert answer.json()["picture_topic"] == ""


def test_any_device_can_be_made_a_panel(program):
    make_device("kiosk")
    assert change(program, "kiosk", {"poll_interval_s": 60}).json()["panel"]["poll_interval_s"] == 60


def test_a_panel_is_added_with_what_it_wants(program):
    body = {
        "code": "desk",
        "profile": "panel",
        "panel": {"poll_interval_s": 300, "hardware_address": "94a9908c6d18"},
    }
    answer = program.post("/api/v1/devices", json.dumps(body), content_type="application/json")
    assert answer.status_code == 201 and answer.json()["panel"]["poll_interval_s"] == 300
    assert Panel.objects.get().device.picture_topic == ""


@pytest.mark.parametrize(
    ("panel", "status"),
    [
        ({"poll_interval_s": 1}, 422),
        ({"render_profile": "nope"}, 422),
        ({"hardware_address": "x"}, 422),
        ({"x": 1}, 422),
    ],
)
def test_what_cannot_be_is_refused(program, panel, status):
    make_device("hall", profile="panel")
    assert change(program, "hall", panel).status_code == status


def test_an_address_of_another_panel_is_a_conflict(program):
    make_device("hall", profile="panel"), make_device("desk", profile="panel")
    change(program, "hall", {"hardware_address": "94a9908c6d18"})
    assert change(program, "desk", {"hardware_address": "94a9908c6d18"}).status_code == 409
