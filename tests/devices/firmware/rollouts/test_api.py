"""The management API of rollouts."""

import pytest
from django.test import Client

from devices.access.groups import DeviceGroup
from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import Rollout
from tests.builders import make_device, make_program, make_user
from tests.devices.firmware.builders import make_devices, make_firmware, make_rollout, store

pytestmark = pytest.mark.django_db

ROLLOUTS = "/api/v1/rollouts"
JSON = "application/json"
STATES = "waiting offered downloading flashing proved failed timed_out cancelled".split()


def alice() -> Client:
    """An owner's program."""
    return make_program(make_user("alice", "owner"))


def refusal(answer) -> tuple[int, str]:
    assert answer.json()["code"] == 1 and answer.json()["des"].endswith(".")
    return answer.status_code, answer.json()["err"]


def test_a_rollout_starts_with_its_making_and_counts_every_state():
    firmware = make_firmware()
    codes = [device.code for device in make_devices(3)]
    client = alice()
    made = client.post(ROLLOUTS, {"firmware": str(firmware.pk), "devices": codes}, JSON)
    assert (made.status_code, made.json()["state"], made.json()["left_out"]) == (201, "running", {})
    said = client.get(f"{ROLLOUTS}/{made.json()['id']}").json()
    assert list(said["targets"]) == STATES and said["targets"]["waiting"] == 3
    assert (said["firmware"], said["error_threshold"], len(said["steps"])) == (str(firmware.pk), 10, 2)


def test_a_group_is_rolled_out_to_without_those_it_does_not_fit():
    garden = DeviceGroup.objects.create(name="garden")
    make_device("porch", group=garden)
    make_device("oven", profile="k230", group=garden)
    body = {
        "firmware": str(make_firmware().pk),
        "group": "garden",
        "start": False,
        "steps": [50, {"percent": 100}],
    }
    made = alice().post(ROLLOUTS, body, JSON).json()
    assert (made["state"], made["group"], made["targets"]["waiting"]) == ("draft", "garden", 1)
    assert "another product" in made["left_out"]["oven"]


def test_a_device_of_two_groups_is_one_target():
    garden, yard = (DeviceGroup.objects.create(name=name) for name in ("garden", "yard"))
    make_device("porch", groups=[garden, yard]), make_device("barn", group=yard)
    body = {"firmware": str(make_firmware().pk), "group": "yard"}
    made = alice().post(ROLLOUTS, body, JSON).json()
    assert sum(made["targets"].values()) == 2 and made["group"] == "yard"


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"devices": []}, 422, "invalid"),
        ({"devices": ["nobody"]}, 422, "invalid"),
        ({"devices": ["oven"]}, 422, "no_devices"),
        ({"group": "garden"}, 422, "invalid"),
        ({"steps": [50]}, 422, "steps"),
        ({"steps": ["all"]}, 422, "invalid"),
        ({"error_threshold": 0}, 422, "invalid"),
        ({"firmware": "seven"}, 422, "invalid"),
        ({"firmware": "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"}, 404, "not_found"),
        ({"colour": "red"}, 422, "invalid"),
    ],
)
def test_a_wrong_rollout_is_refused(change, status, word):
    make_device("oven", profile="k230")
    make_device("porch")
    body = {"firmware": str(make_firmware().pk), "devices": ["porch"]} | change
    assert refusal(alice().post(ROLLOUTS, body, JSON)) == (status, word)
    assert not Rollout.objects.exists()


def test_an_unpublished_image_is_not_rolled_out():
    make_device("porch")
    body = {"firmware": str(store().pk), "devices": ["porch"]}
    assert refusal(alice().post(ROLLOUTS, body, JSON)) == (409, "not_published")


def test_a_rollout_is_paused_resumed_and_cancelled():
    path, client = f"{ROLLOUTS}/{make_rollout(make_devices(2)).pk}", alice()
    for order, state in (
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        assert client.post(f"{path}/{order}").json()["state"] == state
    for order in ("pause", "resume", "cancel"):
        assert refusal(client.post(f"{path}/{order}")) == (409, "ended")


def test_targets_say_how_they_stand_page_by_page():
    devices = make_devices(5)
    rollout = make_rollout(devices)
    targets.next_offer(devices[2], door="esp")
    client, path = alice(), f"{ROLLOUTS}/{rollout.pk}/targets"
    first = client.get(path, {"limit": 3}).json()
    rest = client.get(path, {"limit": 3, "cursor": first["next"]}).json()
    assert {t["device"] for t in first["items"] + rest["items"]} == {d.code for d in devices}
    offered = client.get(path, {"state": "offered"}).json()["items"]
    assert [(t["device"], t["door"], t["offers"]) for t in offered] == [("cam-002", "esp", 1)]
    assert offered[0]["explanation"].startswith("Offered")


def test_a_viewer_of_one_group_sees_only_its_devices_of_a_rollout():
    garden = DeviceGroup.objects.create(name="garden")
    make_rollout([make_device("porch", group=garden), make_device("barn")])
    vera = make_program(make_user("vera", "viewer", garden))
    listed = vera.get(ROLLOUTS).json()["items"]
    assert [row["targets"]["waiting"] for row in listed] == [1]
    codes = [t["device"] for t in vera.get(f"{ROLLOUTS}/{listed[0]['id']}/targets").json()["items"]]
    assert codes == ["porch"]
    assert make_program(make_user("mallory")).get(ROLLOUTS).json()["items"] == []
