"""The devices of a group: which they are, adding, taking out."""

import pytest
from django.test import Client

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from photohub.accounts import group_devices
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    client = Client()
    client.force_login(make_user("alice", "owner"))
    return client


@pytest.fixture
def house():
    return DeviceGroup.objects.create(name="House")


def shown(client, house, **query) -> tuple[list[str], list[str]]:
    context = client.get(f"/groups/{house.pk}/devices", query).context
    return [d.code for d in context["inside"]], [d.code for d in context["outside"]]


def post(client, house, action: str, *codes: str, **more):
    return client.post(f"/groups/{house.pk}/devices", {"action": action, "device": codes} | more, follow=True)


def test_devices_are_added_and_taken_out_with_their_number(alice, house):
    yard = DeviceGroup.objects.create(name="Yard")
    for code in ("barn", "door", "porch"):
        make_device(code, groups=[yard])
    page = post(alice, house, "add", "barn", "door")
    assert "2 devices were added to House." in page.text and shown(alice, house) == (
        ["barn", "door"],
        ["porch"],
    )
    assert "2 devices" in alice.get("/groups").text

    page = post(alice, house, "take", "barn")
    assert "1 device was taken out of House." in page.text and shown(alice, house)[0] == ["door"]
    assert yard.devices.count() == 3


def test_nothing_chosen_changes_nothing(alice, house):
    make_device("porch", groups=[house])
    for action in ("add", "take"):
        assert "No device was chosen." in post(alice, house, action).text
    assert "No device was chosen." in post(alice, house, "add", "porch", "no-such").text
    assert house.devices.get().code == "porch"


def test_others_are_found_by_name_code_or_group(alice, house):
    yard = DeviceGroup.objects.create(name="Back yard")
    make_device("barn", name="Old barn"), make_device("door", groups=[yard]), make_device("gate")
    for text, found in (("OLD", ["barn"]), ("Gat", ["gate"]), ("back", ["door"]), ("x", []), ("a\0b", [])):
        assert shown(alice, house, q=text)[1] == found, text
    page = post(alice, house, "add", "barn", q="old")
    assert page.redirect_chain[-1][0].endswith("?q=old")


def test_a_page_shows_so_many_and_says_that_there_are_more(
    alice, house, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(group_devices, "ON_A_PAGE", 3)
    for n in range(5):
        make_device(f"in-{n}", groups=[house]), make_device(f"out-{n}")
    with django_assert_max_num_queries(10):
        page = alice.get(f"/groups/{house.pk}/devices")
    assert "Only the first 3 are shown" in page.text and "?page=2" in page.text
    assert shown(alice, house, page=2) == (["in-3", "in-4"], ["out-0", "out-1", "out-2"])


def test_a_device_that_is_being_removed_is_not_shown(alice, house):
    gone = make_device("gone", groups=[house])
    Device.everything.filter(pk=gone.pk).update(removed_at=gone.created_at)
    assert shown(alice, house) == ([], [])
