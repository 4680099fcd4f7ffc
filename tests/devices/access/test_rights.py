import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from devices.access.groups import DeviceGroup
from devices.access.models import Membership
from devices.access.rights import Action, can, is_owner, keep_allowed, look_up
from devices.registry.finding import get_device
from devices.registry.models import Device
from tests.builders import make_device, make_user


def rights(user, subject=None) -> list[str]:
    return [action.value for action in Action if can(user, action, subject)]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("owner", ["look", "command", "manage"]),
        ("operator", ["look", "command"]),
        ("viewer", ["look"]),
        ("", []),
    ],
)
def test_each_role_has_its_rights(db, role, expected):
    user = make_user("anna")
    if role:
        Membership.objects.create(user=user, role=role)

    assert rights(user, make_device()) == expected


def test_a_viewer_of_one_group_sees_nothing_else(db):
    farm = DeviceGroup.objects.create(name="Farm")
    vera = make_user("vera", "viewer", farm)
    porch, barn = make_device("porch"), make_device("barn", group=farm)

    assert rights(vera, porch) == [] and rights(vera, barn) == ["look"]
    assert list(Device.objects.visible_to(vera)) == [barn]


def test_a_role_in_a_group_never_owns_the_hub(db):
    assert not is_owner(make_user("vera", "operator", DeviceGroup.objects.create(name="Farm")))


def test_nobody_and_those_who_left_have_no_rights(db):
    alice = make_user("alice", "owner")
    alice.is_active = False
    alice.save()

    assert rights(alice) == rights(AnonymousUser()) == rights(None) == []
    assert not Device.objects.visible_to(alice).exists()


def test_a_token_narrows_what_its_person_may_do(db):
    alice = make_user("alice", "owner")
    alice.token_scopes = ["read"]

    assert rights(alice, make_device()) == ["look"]


def test_a_stranger_finds_no_device_and_a_reader_may_not_change_it(db):
    make_device("porch")
    with pytest.raises(Http404):
        get_device(make_user("mallory"), "porch")
    with pytest.raises(PermissionDenied):
        get_device(make_user("vera", "viewer"), "porch", Action.MANAGE)


def test_the_memberships_are_asked_once(db, django_assert_num_queries):
    bob = make_user("bob", "operator")
    porch = make_device()
    with django_assert_num_queries(1):
        rights(bob, porch)


# --- devices of several groups ---


@pytest.fixture
def places(db):
    return [DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard", "Attic")]


def test_any_common_group_is_enough(places):
    farm, yard, attic = places
    vera = make_user("vera", "viewer", farm)
    both, other = make_device("both", groups=[farm, yard]), make_device("other", groups=[yard, attic])

    assert rights(vera, both) == ["look"] and rights(vera, other) == []
    assert list(Device.objects.visible_to(vera)) == [both]


def test_the_roles_of_all_common_groups_count(places):
    farm, yard, _attic = places
    olga = make_user("olga", "viewer", farm)
    Membership.objects.create(user=olga, role="operator", group=yard)
    both, of_farm = make_device("both", groups=[farm, yard]), make_device("barn", groups=[farm])

    assert rights(olga, both) == ["look", "command"] and rights(olga, of_farm) == ["look"]
    assert list(Device.objects.visible_to(olga)) == [of_farm, both]
    for action, allowed in (("look", [of_farm, both]), ("command", [both]), ("manage", [])):
        assert list(keep_allowed(Device.objects.all(), olga, Action(action))) == allowed


def test_a_device_that_left_a_group_is_out_of_sight(places):
    farm, yard, _attic = places
    barn = make_device("barn", groups=[farm, yard])
    barn.groups.remove(farm)

    assert rights(make_user("vera", "viewer", farm), barn) == []
    assert rights(make_user("yann", "viewer", yard), barn) == ["look"]


def test_asking_of_many_devices_asks_the_database_twice(places, django_assert_num_queries):
    olga = make_user("olga", "operator", places[0])
    devices = [make_device(f"cam-{n}", groups=places[: n % 3]) for n in range(9)]
    with django_assert_num_queries(3):
        allowed = [can(olga, "command", device) for device in devices]
    assert allowed == [n % 3 > 0 for n in range(9)]


def test_devices_that_were_looked_up_are_not_asked_for_again(places, django_assert_num_queries):
    olga = make_user("olga", "operator", places[0])
    devices = [make_device(f"cam-{n}", groups=places[: n % 3]) for n in range(9)]
    with django_assert_num_queries(2):
        look_up(olga, [device.pk for device in devices])
        assert sum(can(olga, "look", device) for device in devices) == 6


def test_who_sees_all_asks_for_no_groups(places, django_assert_num_queries):
    bob, device = make_user("bob", "operator"), make_device("barn", groups=places)
    with django_assert_num_queries(1):
        look_up(bob, [device.pk])
        assert can(bob, "command", device) and can(bob, "look", device)


def test_the_key_of_another_table_is_not_taken_for_a_devices(places):
    vera, device = make_user("vera", "viewer", places[0]), make_device("barn", groups=places)
    alike = DeviceGroup(pk=device.pk)

    assert can(vera, "look", device) and not can(vera, "look", alike)


def test_a_program_without_the_scope_is_allowed_no_device(places):
    olga = make_user("olga", "operator", places[0])
    make_device("barn", groups=places)
    olga.token_scopes = ["read"]

    assert not keep_allowed(Device.objects.all(), olga, Action.COMMAND).exists()
    assert keep_allowed(Device.objects.all(), olga, Action.LOOK).exists()
