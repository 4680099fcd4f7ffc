import pytest

from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import TargetState
from devices.registry.changes import change_device
from tests.devices.firmware.builders import IMAGE, flip_byte
from tests.devices.firmware.endpoints.offered import offer

pytestmark = pytest.mark.django_db(transaction=True)


class Board:
    """A device that speaks to `/acme/controller/v1/<code>` with its token."""

    def __init__(self, endpoint, made) -> None:
        self.endpoint, self.root = endpoint, f"/acme/controller/v1/{made.device.code}"
        self.headers = {"authorization": f"TargetToken {made.key}"}

    def get(self, tail: str = ""):
        return self.endpoint.get(self.root + tail, headers=self.headers)

    @property
    def links(self) -> dict[str, str]:
        return {name: link["href"] for name, link in self.get().json()["_links"].items()}

    def follow(self, name: str):
        return self.endpoint.get(self.links[name], headers=self.headers)

    def report(
        self, action: int, execution: str, finished: str, kind: str = "deploymentBase", detail: str = ""
    ) -> int:
        status = {"execution": execution, "result": {"finished": finished}, "details": [detail]}
        url = f"{self.root}/{kind}/{action}/feedback"
        return self.endpoint.post(
            url, json={"id": action, "status": status}, headers=self.headers
        ).status_code

    def tell(self, mode: str = "merge", **data: str) -> int:
        """Say what it is."""
        url, told = f"{self.root}/configData", {"mode": mode, "data": {"board": "x1", **data}}
        return self.endpoint.put(url, json=told, headers=self.headers).status_code

    def fetch(self) -> bytes:
        chunk = self.follow("deploymentBase").json()["deployment"]["chunks"][0]
        return self.endpoint.get(
            chunk["artifacts"][0]["_links"]["download-http"]["href"], headers=self.headers
        ).content


def test_the_way_of_an_update(endpoint, settings):
    made = offer()
    board, action = Board(endpoint, made), made.target.pk
    assert board.get().json()["config"]["polling"]["sleep"] == "00:00:30" and board.tell() == 200
    assert board.links["deploymentBase"].endswith(f"{board.root}/deploymentBase/{action}?c=1")
    assert board.fetch() == IMAGE and made.now().door == "ddi"
    made.reach(TargetState.FLASHING, 100)
    assert board.report(action, "proceeding", "none") == 200 and "deploymentBase" in board.links
    assert board.report(action, "closed", "success") == 200
    assert made.now().state == TargetState.FLASHING and list(board.links) == ["configData"]
    assert board.tell(version="2.0.0") == 200
    assert made.now().state == TargetState.PROVED and board.links == {}


def test_what_a_device_is_asked_is_asked_once(endpoint):
    made = offer()
    board = Board(endpoint, made)
    assert list(board.links) == ["deploymentBase", "configData"]
    for mode in ("merge", "replace", "remove"):
        assert board.tell(mode) == 200 and list(board.links) == ["deploymentBase"]
    change_device(made.now().device, {"config_wanted": True})
    assert "configData" in board.links and board.tell() == 200 and "configData" not in board.links


def test_asking_all_the_time_uses_up_no_try(endpoint):
    made = offer(offers_at_most=1)
    board = Board(endpoint, made)
    assert len({board.links["deploymentBase"] for _ in range(3)}) == 1
    assert made.now().offers == 1


def test_a_stranger_and_another_device_get_401(endpoint):
    made, other = offer("porch"), offer("barn", IMAGE + b"!", facts={"version": "3"})
    board = Board(endpoint, made)
    for token in ("wrong", other.key):
        board.headers = {"authorization": f"TargetToken {token}"}
        assert board.get().status_code == 401
    assert endpoint.get(board.root, headers={"authorization": f"GatewayToken {made.key}"}).status_code == 401


def test_another_devices_action_is_404(endpoint):
    made, other = offer("porch", door="ddi"), offer("barn", IMAGE + b"!", facts={"version": "3"})
    board = Board(endpoint, other)
    assert board.get(f"/deploymentBase/{made.target.pk}").status_code == 404
    assert board.report(made.target.pk, "closed", "failure") == 404
    assert made.now().state == TargetState.OFFERED


def test_a_failure_has_the_devices_words(endpoint):
    made = offer(door="ddi")
    assert Board(endpoint, made).report(made.target.pk, "closed", "failure", detail="No room on /data") == 200
    now = made.now()
    assert (now.state, now.reason_word, now.reason) == (TargetState.FAILED, "upgrade", "No room on /data")
    assert list(Board(endpoint, made).links) == ["configData"]


def test_a_cancelled_action_is_linked_until_the_device_knows(endpoint):
    made = offer(door="ddi")
    rollouts.cancel(made.target.rollout)
    board, action = Board(endpoint, made), made.target.pk
    assert board.follow("cancelAction").json()["cancelAction"] == {"stopId": str(action)}
    assert board.get(f"/deploymentBase/{action}").status_code == 404
    assert board.report(action, "closed", "success", kind="cancelAction") == 200
    assert list(board.links) == ["configData"]


def test_what_runs_is_asked_for_and_proves_too(endpoint):
    made = offer(door="ddi")
    targets.note_flashing(made.now())
    board = Board(endpoint, made)
    config = {"mode": "merge", "data": {"version": "2.0.0", "board": "x"}}
    assert endpoint.put(board.links["configData"], json=config, headers=board.headers).status_code == 200
    assert made.now().state == TargetState.PROVED
    # It must still be able to close what it began.
    assert board.follow("deploymentBase").status_code == 200
    board.report(made.target.pk, "closed", "success")
    assert board.links == {}


def test_a_body_that_is_none_is_400(endpoint):
    made = offer(door="ddi")
    board = Board(endpoint, made)
    url = f"{board.root}/deploymentBase/{made.target.pk}/feedback"
    for body in (b"", b"[]", b'{"status":{"execution":"?","result":{"finished":"none"}}}'):
        assert endpoint.post(url, content=body, headers=board.headers).status_code == 400


def test_a_damaged_image_is_told_to_nobody(endpoint):
    made = offer(door="ddi")
    board = Board(endpoint, made)
    flip_byte(made.now().rollout.firmware)
    answer = board.follow("deploymentBase")
    assert (answer.status_code, answer.json()["err"]) == (500, "integrity")
