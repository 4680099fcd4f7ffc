import re

import pytest
from django.urls import reverse

from devices.access.groups import DeviceGroup
from devices.firmware.models import Firmware
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import Rollout, RolloutTarget
from tests.builders import make_device, make_user
from tests.devices.firmware.builders import make_devices, make_firmware, make_rollout
from tests.devices.firmware.pages.test_forms import PLAN

pytestmark = pytest.mark.django_db

STATES = "waiting offered downloading flashing proved failed timed_out cancelled".split()


@pytest.fixture
def alice(client):
    """An owner's browser."""
    client.force_login(make_user("alice", "owner"))
    return client


def new_path(firmware: Firmware) -> str:
    return reverse("firmware:rollout_new", args=[firmware.pk])


def path(rollout: Rollout, order: str = "") -> str:
    if order:
        return reverse("firmware:rollout_change", args=[rollout.pk, order])
    return reverse("firmware:rollout", args=[rollout.pk])


def text_of(answer) -> str:
    return answer.content.decode()


def make_mixed() -> Rollout:
    """Return a rollout with one device in each state."""
    rollout = make_rollout(make_devices(len(STATES)))
    for state, target in zip(STATES, rollout.targets.all(), strict=True):
        RolloutTarget.objects.filter(pk=target.pk).update(state=state, percent=40, offers=1)
    return rollout


@pytest.mark.parametrize(("action", "state"), [("start", "running"), ("draft", "draft")])
def test_a_rollout_is_planned_for_chosen_devices(alice, action, state):
    make_devices(2)
    answer = alice.post(new_path(make_firmware()), PLAN | {"devices": ["cam-001"], "action": action})
    rollout = Rollout.objects.get()
    assert (answer.status_code, answer.url, rollout.state) == (302, path(rollout), state)
    assert [target.device.code for target in rollout.targets.all()] == ["cam-001"]


def test_a_group_is_told_who_is_left_out(alice):
    garden = DeviceGroup.objects.create(name="garden")
    make_device("porch", group=garden)
    make_device("oven", profile="k230", group=garden)
    values = PLAN | {"group": garden.pk, "action": "start"}
    page = text_of(alice.post(new_path(make_firmware()), values, follow=True))
    assert "oven is left out" in page and Rollout.objects.get().group_name == "garden"


def test_a_device_of_two_groups_is_one_target(alice):
    garden, yard = (DeviceGroup.objects.create(name=name) for name in ("garden", "yard"))
    make_device("porch", groups=[garden, yard])
    page = text_of(alice.get(new_path(make_firmware())))
    assert page.count(">garden<") == page.count(">yard<") == page.count('value="porch"') == 1
    alice.post(new_path(Firmware.objects.get()), PLAN | {"group": yard.pk, "action": "start"})
    assert [target.device.code for target in Rollout.objects.get().targets.all()] == ["porch"]


def test_asking_for_the_plan_makes_nothing(alice):
    codes = [device.code for device in make_devices(12)]
    answer = alice.post(new_path(make_firmware()), PLAN | {"devices": codes, "action": "plan"})
    page = text_of(answer)
    assert answer.status_code == 200 and "2 devices" in page and "12 devices" in page
    assert "pauses by itself at 10 % failures" in page and not Rollout.objects.exists()


def test_a_refused_plan_says_so_beside_the_field(alice):
    make_devices(1)
    values = PLAN | {"devices": ["cam-000"], "steps": "50", "action": "start"}
    answer = alice.post(new_path(make_firmware()), values)
    assert (answer.status_code, 'value="50"' in text_of(answer)) == (422, True)
    assert "the last one is 100 percent" in text_of(answer) and not Rollout.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "operator", ""])
def test_only_owners_plan(client, role):
    client.force_login(make_user("bob", role))
    assert client.get(new_path(make_firmware())).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "operator", "owner"])
def test_who_may_look_sees_every_state_and_its_reason(client, role):
    rollout = make_mixed()
    client.force_login(make_user("bob", role))
    page = text_of(client.get(path(rollout)))
    assert "40 %" in page and "the download has not started" in page and "The device reports the new" in page
    assert all(f"?state={state}" in page for state in STATES)
    assert (path(rollout, "pause") in page) == (role == "owner")


def test_one_state_can_be_looked_at(alice):
    page = text_of(alice.get(path(make_mixed()), {"state": "failed"}))
    assert page.count("table__main") == 1 and "Failed." in page and "Show all 8 devices" in page


def test_a_state_without_devices_stands(alice):
    rollout = make_rollout(make_devices(1))
    assert "No device is in this state" in text_of(alice.get(path(rollout), {"state": "failed"}))


def test_more_devices_than_a_page_are_paged(alice):
    rollout = make_rollout(make_devices(101))
    assert "page 1 of 2" in text_of(alice.get(path(rollout)))
    assert text_of(alice.get(path(rollout), {"page": 2})).count("table__main") == 1


def test_the_steps_say_which_one_is_under_way(alice):
    steps = ({"devices": 0, "percent": 50, "soak_s": 120}, {"devices": 0, "percent": 100, "soak_s": 0})
    page = text_of(alice.get(path(make_rollout(make_devices(4), steps=steps))))
    assert (
        re.search(r'data-state="now"\s+aria-current="step">\s+50 %', page) and "then wait 2 minutes" in page
    )


def test_a_rollout_is_paused_resumed_and_cancelled(alice):
    rollout = make_rollout(make_devices(1))
    for order, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert alice.post(path(rollout, order), follow=True).status_code == 200
        rollout.refresh_from_db()
        assert rollout.state == state


def test_what_is_over_does_not_start_again(alice):
    rollout = make_rollout(make_devices(1))
    rollouts.cancel(rollout)
    assert "has ended" in text_of(alice.post(path(rollout, "resume"), follow=True))
    assert "or it has ended" in text_of(alice.post(path(rollout, "cancel"), follow=True))


def test_an_unknown_order_is_not_found(alice):
    assert alice.post(path(make_rollout(make_devices(1)), "explode")).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("", 404)])
def test_only_owners_order(client, role, status):
    rollout = make_rollout(make_devices(1))
    client.force_login(make_user("bob", role))
    assert client.post(path(rollout, "pause")).status_code == status
    rollout.refresh_from_db()
    assert rollout.state == "running"


def test_somebody_of_another_group_does_not_see_it(client):
    rollout = make_rollout(make_devices(1))
    client.force_login(make_user("bob", "viewer", DeviceGroup.objects.create(name="garden")))
    assert client.get(path(rollout)).status_code == 404


def test_the_device_tab_shows_versions_and_updates(client):
    device = make_device("porch", firmware_version="1.0.0", modules={"stm32": "7"})
    make_rollout([device])
    client.force_login(make_user("vera", "viewer"))
    page = text_of(client.get(reverse("devices:firmware", args=["porch"])))
    assert "1.0.0" in page and "stm32" in page and "2.0.0" in page and "never been seen" in page
