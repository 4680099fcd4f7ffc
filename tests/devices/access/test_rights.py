import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from devices.access.models import Membership
from devices.access.rights import Action, can, is_owner
from devices.registry.finding import get_device
from devices.registry.models import Device, DeviceGroup
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
