"""Schedules over the API."""

import pytest

from devices.access.groups import DeviceGroup
from devices.schedules.models import Schedule
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/schedules"


@pytest.fixture
def program():
    make_device()
    return make_program(make_user("alice", "owner"))


def send(program, method: str, path: str, body: dict):
    return getattr(program, method)(f"{URL}{path}", body, content_type="application/json")


def test_a_schedule_is_made_read_changed_deleted_and_restored(program):
    asked = {
        "name": "Noon",
        "device": "porch",
        "kind": "times",
        "times": ["12:00"],
        "weekdays": ["mon", "fri"],
    }
    made = send(program, "post", "", asked)
    assert made.status_code == 201, made.content
    key = made.json()["id"]
    assert {k: made.json()[k] for k in asked} == asked and made.json()["next_run_at"]
    assert program.get(f"{URL}/{key}").json() == made.json()
    paused = send(program, "patch", f"/{key}", {"enabled": False}).json()
    assert (paused["next_run_at"], paused["times"]) == (None, ["12:00"])
    assert program.delete(f"{URL}/{key}").status_code == 204
    assert program.get(URL).json()["items"] == []
    assert program.post(f"{URL}/{key}/restore").status_code == 200
    assert [s["name"] for s in program.get(URL).json()["items"]] == ["Noon"]
    assert program.get(f"{URL}/{key}/runs").json() == {"items": [], "next": None}
    assert program.get("/api/v1/devices/porch/missed").json() == {"items": [], "next": None}


def test_a_schedule_goes_from_a_camera_to_a_group(program):
    DeviceGroup.objects.create(name="yard")
    key = send(program, "post", "", {"name": "a", "device": "porch"}).json()["id"]
    changed = send(program, "patch", f"/{key}", {"group": "yard"}).json()
    assert (changed["device"], changed["group"]) == (None, "yard")


def test_a_preview_stores_nothing(program):
    answer = send(program, "post", "/preview", {"name": "a", "device": "porch", "every_min": 15})
    assert len(answer.json()["times"]) == 5 and not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"device": "porch"}, "name"),
        ({"name": "a"}, "device"),
        ({"name": "a", "device": "porch", "kind": "times", "times": ["25:00"]}, "times"),
        ({"name": "a", "device": "porch", "from_at": "sunrise", "until_at": "sunset"}, "latitude"),
        ({"name": "a", "device": "porch", "every_min": 0}, "every_min"),
    ],
)
def test_what_cannot_be_is_refused_by_field(program, body, field):
    answer = send(program, "post", "", body)
    assert answer.status_code == 422 and field in answer.json()["fields"], answer.content
