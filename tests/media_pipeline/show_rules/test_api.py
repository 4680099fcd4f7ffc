import json

import pytest

from devices.registry.models import Device
from media_pipeline.show_rules import runs
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db
NEW = {"name": "Door", "camera": "yard", "panels": ["hall"]}


@pytest.fixture
def program():
    make_device("yard"), make_device("hall", profile="panel")
    return make_program(make_user("ada", "owner"))


def send(program, body: dict, url: str = "/api/v1/rules", method: str = "post"):
    return getattr(program, method)(url, json.dumps(body), content_type="application/json")


def test_a_rule_is_made_read_changed_and_deleted(program):
    made = send(program, NEW)
    url = f"/api/v1/rules/{made.json()['id']}"
    assert made.status_code == 201 and made.json()["panels"] == ["hall"]
    assert send(program, {"caption": "{time}", "enabled": False}, url, "patch").json()["caption"] == "{time}"
    assert program.get(url).json()["enabled"] is False
    assert program.delete(url).status_code == 204 and program.get("/api/v1/rules").json()["items"] == []


def test_what_a_rule_did_is_listed(program):
    rule = send(program, NEW).json()
    capture = make_capture(Device.objects.get(code="yard"))
    assert runs.run_rules([capture.device_id]) == 1
    (run,) = program.get(f"/api/v1/rules/{rule['id']}/runs").json()["items"]
    assert (run["state"], run["capture"], len(run["deliveries"])) == ("shown", str(capture.pk), 1)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"panels": []}, 422),
        ({"panels": ["yard"]}, 422),
        ({"panels": ["nowhere"]}, 404),
        ({"camera": "nowhere"}, 404),
        ({"caption": "{x}"}, 422),
        ({"only_fresh_s": -1}, 422),
        ({"camera": "hall"}, 422),
    ],
)
def test_what_cannot_be_is_refused(program, values, status):
    answer = send(program, NEW | values)
    assert answer.status_code == status and answer.json()["des"]


def test_a_name_that_is_taken_is_a_conflict(program):
    send(program, NEW)
    assert send(program, NEW).status_code == 409


@pytest.mark.parametrize("role", ["operator", "viewer", ""])
def test_rules_are_for_owners(program, role):
    other = make_program(make_user("olga", role))
    assert other.get("/api/v1/rules").status_code == send(other, NEW).status_code == 403
