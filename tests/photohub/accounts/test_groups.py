"""Groups: their names, order, people."""

import pytest
from django.test import Client

from devices.access.groups import DeviceGroup
from devices.access.models import Membership, Role
from devices.access.rights import can
from devices.events.models import Event
from devices.registry.models import Device
from tests.builders import make_device, make_user


@pytest.fixture
def alice(db):
    client = Client()
    client.force_login(make_user("alice", "owner"))
    return client


@pytest.fixture
def house(db):
    return DeviceGroup.objects.create(name="House")


def names() -> list[str]:
    return list(DeviceGroup.objects.values_list("name", flat=True))


def test_a_group_is_added_and_renamed(alice):
    alice.post("/groups/add", {"name": "  Back   yard "})
    yard = DeviceGroup.objects.get()
    assert yard.name == "Back yard" and "Back yard" in alice.get("/groups").text

    alice.post(f"/groups/{yard.pk}/rename", {"name": "Garden"})
    assert names() == ["Garden"]


def test_two_groups_cannot_have_one_name(alice, house):
    assert alice.post("/groups/add", {"name": "House"}).status_code == 422
    yard = DeviceGroup.objects.create(name="Yard")
    page = alice.post(f"/groups/{yard.pk}/rename", {"name": "House"}, follow=True)
    assert "already exists" in page.text and sorted(names()) == ["House", "Yard"]


def test_groups_stand_in_the_order_that_was_given(alice):
    for name in ("Attic", "Barn", "Cellar"):
        DeviceGroup.objects.create(name=name)
    cellar = DeviceGroup.objects.get(name="Cellar")
    alice.post(f"/groups/{cellar.pk}/move", {"by": "up"})
    assert names() == ["Attic", "Cellar", "Barn"]

    DeviceGroup.objects.create(name="Aviary")
    assert names() == ["Attic", "Cellar", "Barn", "Aviary"]
    alice.post(f"/groups/{DeviceGroup.objects.get(name='Attic').pk}/move", {"by": "up"})
    assert names()[0] == "Attic"


def test_deleting_a_group_takes_its_devices_out_of_it_and_says_so(alice, house):
    yard = DeviceGroup.objects.create(name="Yard")
    make_device("porch", groups=[house, yard]), make_device("door", group=house)
    assert "2 devices are taken out of it and stay" in alice.get("/groups").text

    page = alice.post(f"/groups/{house.pk}/delete", follow=True)
    assert "The group House is deleted. 2 devices were taken out of it." in page.text
    groups = {device.code: [group.name for group in device.groups.all()] for device in Device.objects.all()}
    assert names() == ["Yard"] and groups == {"porch": ["Yard"], "door": []}
    told = "The group House was deleted; devices taken out of it: 2."
    assert Event.objects.get(sentence=told).actor.username == "alice"


def test_a_group_of_people_is_not_deleted(alice, house):
    vera = make_user("vera", "viewer", house)
    page = alice.post(f"/groups/{house.pk}/delete", follow=True)
    assert "People have access to House" in page.text and names() == ["House"]

    vera.memberships.all().delete()
    page = alice.post(f"/groups/{house.pk}/delete", follow=True)
    assert "The group House is deleted." in page.text and names() == []


def test_somebody_is_let_into_several_groups(alice, house):
    yard, vera = DeviceGroup.objects.create(name="Yard"), make_user("vera")
    alice.post(f"/groups/{house.pk}/people", {"person": vera.pk, "role": "viewer"})
    alice.post(f"/groups/{yard.pk}/people", {"person": vera.pk, "role": "operator"})
    make_device("door", group=house), make_device("pond", group=yard), make_device("shed")

    assert list(Device.objects.visible_to(vera).values_list("code", flat=True)) == ["door", "pond"]
    assert can(vera, "command", Device.objects.get(code="pond"))
    assert not can(vera, "command", Device.objects.get(code="door"))


def test_a_role_in_a_group_is_changed_and_ended(alice, house):
    vera = make_user("vera", "viewer", house)
    alice.post(f"/groups/{house.pk}/people", {"person": vera.pk, "role": "operator"})
    assert Membership.objects.get(user=vera).role == Role.OPERATOR

    alice.post(f"/groups/{house.pk}/people/{vera.pk}/remove")
    assert not vera.memberships.exists()


def test_nobody_is_made_an_owner_of_a_group(alice, house):
    vera = make_user("vera")
    alice.post(f"/groups/{house.pk}/people", {"person": vera.pk, "role": "owner"})
    assert not vera.memberships.exists()


def test_queries_do_not_grow_with_the_groups(alice, django_assert_max_num_queries):
    for number in range(12):
        group = DeviceGroup.objects.create(name=f"group {number}")
        make_user(f"person-{number}", "viewer", group)
    with django_assert_max_num_queries(8):
        alice.get("/groups")
