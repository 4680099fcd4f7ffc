"""Who may use the management API, the one shape of its refusals, its document and its page."""

import json

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from devices.access.models import ApiToken
from devices.keys import tokens
from devices.setup import adding
from photohub.api.api import api
from photohub.status import parts as status
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db

DEVICES = "/api/v1/devices"
JSON = "application/json"


def refusal(answer) -> tuple[int, str]:
    """Return status and word of a refusal, after checking its shape."""
    body = answer.json()
    assert body["code"] == 1
    assert body["des"].endswith((".", "?"))
    return answer.status_code, body["err"]


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Bearer", "Bearer é\u00ff", "Basic YTpi"])
def test_without_a_live_token_or_session_nothing_is_shown(header):
    answer = Client(headers={"Authorization": header}).get(DEVICES)
    assert refusal(answer) == (401, "auth")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("field", "word"), [("revoked_at", "auth"), ("expires_at", "expired")])
def test_an_ended_token_is_no_token(field, word):
    client = make_program(make_user("alice", "owner"))
    answer = client.get(DEVICES)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    ApiToken.objects.update(**{field: timezone.now()})
    assert refusal(client.get(DEVICES)) == (401, word)


def test_a_token_of_a_person_who_was_switched_off_is_no_token():
    alice = make_user("alice", "owner")
    client = make_program(alice)
    alice.is_active = False
    alice.save()
    assert refusal(client.get(DEVICES)) == (401, "auth")


def test_a_devices_key_is_no_token():
    key = adding.add_device(code="porch", name="", profile="generic").key
    assert refusal(Client(headers={"Authorization": f"Bearer {key}"}).get(DEVICES)) == (401, "auth")


def test_a_wrong_token_is_refused_even_beside_a_session():
    client = Client(headers={"Authorization": "Bearer nonsense"})
    client.force_login(make_user("alice", "owner"))
    assert refusal(client.get(DEVICES)) == (401, "auth")


def test_a_session_may_look_but_changes_need_the_csrf_header():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("alice", "owner"))
    body = {"code": "porch", "profile": "generic"}
    assert client.get(DEVICES).status_code == 200
    assert refusal(client.post(DEVICES, body, JSON)) == (403, "csrf")
    client.cookies["photohub_csrf"] = "a" * 32
    assert client.post(DEVICES, body, JSON, headers={"X-CSRFToken": "a" * 32}).status_code == 201


def test_a_stranger_who_posts_is_told_to_log_in_not_about_csrf():
    assert refusal(Client(enforce_csrf_checks=True).post(DEVICES)) == (401, "auth")


def test_a_token_needs_no_csrf_header():
    secret = tokens.new_token(make_user("alice", "owner"), "program")[1]
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {secret}"})
    assert client.post(DEVICES, {"code": "porch", "profile": "generic"}, JSON).status_code == 201


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [(("read",), (200, 403, 403)), (("command",), (403, 202, 403)), (("read", "manage"), (200, 403, 200))],
)
def test_a_token_does_only_what_its_scopes_hold(scopes, expected):
    make_device("porch", profile="esp32s3")
    client = make_program(make_user("alice", "owner"), *scopes)
    answers = (
        client.get(DEVICES),
        client.post(f"{DEVICES}/porch/capture", content_type=JSON),
        client.patch(f"{DEVICES}/porch", {"name": "Door"}, JSON),
    )
    assert tuple(a.status_code for a in answers) == expected


def test_every_path_takes_a_slash_at_its_end_and_never_redirects():
    client = make_program(make_user("alice", "owner"))
    made = client.post(f"{DEVICES}/", {"code": "porch", "profile": "esp32s3"}, JSON)
    assert made.status_code == 201
    assert client.get(f"{DEVICES}/porch/").json()["code"] == "porch"
    assert client.post(f"{DEVICES}/porch/capture/", content_type=JSON).status_code == 202


@pytest.mark.parametrize("path", ["", "nothing", "devices/porch/nothing", "devices//", "captures/x/y/z"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_path_is_refused_in_the_same_shape(path, method):
    client = Client(enforce_csrf_checks=True)
    assert refusal(getattr(client, method)(f"/api/v1/{path}")) == (404, "not_found")


@pytest.mark.parametrize("path", ["devices", "devices/porch/capture", "captures", "openapi.json", "docs"])
def test_a_wrong_method_is_refused_in_the_same_shape(path):
    answer = make_program(make_user("alice", "owner")).put(f"/api/v1/{path}")
    assert refusal(answer) == (405, "method")
    assert answer["Allow"]


def test_a_body_that_is_no_json_is_refused():
    answer = make_program(make_user("alice", "owner")).post(DEVICES, "{", JSON)
    assert refusal(answer) == (400, "bad_json")


def test_every_wrong_field_has_its_sentence():
    answer = make_program(make_user("alice", "owner")).post(DEVICES, {"code": "A", "ack_base": 3}, JSON)
    assert refusal(answer) == (422, "invalid")
    assert set(answer.json()["fields"]) == {"code", "profile", "ack_base"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OperationalError("a secret"), (503, "db")), (ZeroDivisionError("a secret"), (500, "internal"))],
)
def test_a_fault_of_the_hub_is_told_without_its_inside(error, expected, monkeypatch):
    def fail():
        raise error

    monkeypatch.setattr(status, "collect", fail)
    answer = make_program(make_user("alice", "owner")).get("/api/v1/status")
    assert refusal(answer) == expected
    assert str(error) not in answer.content.decode()


def test_the_status_names_every_part():
    answer = make_program(make_user("vera", "viewer")).get("/api/v1/status").json()
    assert {"ok", "sentence", "parts"} <= set(answer)
    parts = {part["name"]: part for part in answer["parts"]}
    assert parts["database"]["ok"] is True
    assert parts["database"]["sentence"]


def test_the_document_needs_no_login_and_names_every_refusal():
    schema = Client().get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    create = schema["paths"]["/api/v1/devices"]["post"]
    assert {"201", "400", "401", "403", "409", "422", "503"} <= set(create["responses"])
    # The last two are a device's own key, as it asks for firmware.
    schemes = {"Token", "Session", "BearerKey", "HeaderKey"}
    assert schemes == set(schema["components"]["securitySchemes"])
    shape = schema["components"]["responses"]["409"]["content"][JSON]["schema"]["$ref"]
    assert set(schema["components"]["schemas"][shape.rpartition("/")[2]]["required"]) == {"des", "err"}


def test_every_operation_asks_who_it_is():
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            assert operation["security"], (method, path)
            assert operation["summary"][0].isupper(), (method, path)


def test_the_page_shows_every_operation_and_nothing_inline():
    page = Client().get("/api/v1/docs").content.decode()
    for path in json.loads(Client().get("/api/v1/openapi.json").content)["paths"]:
        assert path in page
    assert "style=" not in page
    assert "<script>" not in page
