import pytest
from django.db import OperationalError

from devices.firmware.endpoints import download
from devices.firmware.endpoints import endpoint as firmware
from tests.devices.firmware.endpoints.offered import offer, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "path",
    [
        "/ota/f/abc",
        "/ota/esp/abc",
        "/default/controller/v1/porch",
        "/t/controller/v1/porch/deploymentBase/7",
        "/t/controller/v1/porch/deploymentBase/7/feedback",
        "/t/controller/v1/porch/cancelAction/7",
        "/t/controller/v1/porch/configData",
    ],
)
def test_the_endpoints_paths_are_theirs(path):
    assert firmware.serves(path)


@pytest.mark.parametrize("path", ["/", "/ota", "/ota/f/", "/api/v1/ota/check", "/controller/v1/porch"])
def test_everything_else_is_not(path):
    assert not firmware.serves(path)


def fail(error: Exception):
    def failing(*_arguments):
        raise error

    return failing


def test_a_database_that_is_away_is_a_reason_to_come_again(endpoint, monkeypatch):
    monkeypatch.setattr(download.tokens, "find_targets", fail(OperationalError("away")))
    answer = endpoint.get("/ota/f/abc")
    assert (answer.status_code, answer.json()["err"]) == (503, "db")
    assert int(answer.headers["retry-after"]) >= 2


def test_a_mistake_of_ours_does_not_end_the_endpoint(endpoint, monkeypatch):
    made = offer(door="http")
    with monkeypatch.context() as broken:
        broken.setattr(download.tokens, "find_targets", fail(RuntimeError("a mistake")))
        assert endpoint.get(made.path).json()["err"] == "busy"
    assert endpoint.get(made.path).status_code == 200
    wait_for(lambda: download.places.taken == 0)
