"""Whoever has one group of a device in common reads of this group alone, whatever page, operation or search he opens."""

import pytest

from devices.access.groups import DeviceGroup
from tests.rights.operations import API
from tests.rights.table import PAGES, rows
from tests.rights.test_matrix import PREFIX, fill_in
from tests.rights.world import Place, World, make_world

pytestmark = pytest.mark.django_db

# Frames until somebody hangs up.
_STREAMS = ("devices/<slug:code>/live/",)
# No device, person or text of the world is called so.
_OTHER = "Zwinger-77"
_FINDING = (
    "/search?q=Zwing",
    "/search?q=Zwing&part=1",
    "/history?q=Zwing",
    "/devices/?q=Zwing",
    "/devices/?sort=group",
    "/devices/?sort=-group",
    "/history/calendar",
    f"{PREFIX}/captures?q=Zwing",
    f"{PREFIX}/devices?q=Zwing",
)


def addresses(world: World, place: Place) -> list[str]:
    found = [
        head + fill_in(route, world, place)
        for table, head in ((PAGES, "/"), (API, PREFIX))
        for method, route in rows(table)
        if method == "GET" and route not in _STREAMS
    ]
    return [*found, *_FINDING]


def naming(client, paths: list[str]) -> list[str]:
    """Return what of this names the other group."""
    answers = {path: client.get(path) for path in paths}
    return [
        path for path, a in answers.items() if not a.streaming and _OTHER in a.content.decode(errors="ignore")
    ]


def test_no_address_names_the_other_group_of_a_device():
    world = make_world()
    DeviceGroup.objects.filter(name="house").update(name=_OTHER)
    for role in ("viewer", "operator"):
        found = naming(world.client(role), addresses(world, world.shared))
        assert found == [], role
    to_its_own = naming(world.client("neighbour"), addresses(world, world.shared))
    assert {"/devices/", "/devices/shared-cam/", f"{PREFIX}/devices/shared-cam", "/"} <= set(to_its_own)


def test_the_other_group_of_a_device_finds_nothing():
    world = make_world()
    house = DeviceGroup.objects.get(name="house")
    viewer, neighbour = world.client("viewer"), world.client("neighbour")
    for client, items in ((viewer, 0), (neighbour, 2)):
        assert len(client.get(f"{PREFIX}/captures?group=house").json()["items"]) == items
        assert len(client.get(f"{PREFIX}/captures?group={house.pk}").json()["items"]) == items
        assert len(client.get("/devices/?group=house").context["rows"]) == 2 * items
        assert len(client.get(f"{PREFIX}/devices?group=house").json()["items"]) == 2 * items
    assert viewer.get(f"/?group={house.pk}").status_code == 404
    assert neighbour.get(f"/?group={house.pk}").status_code == 200


def test_what_is_in_two_groups_of_a_person_is_listed_once():
    world = make_world()
    viewer = world.people["viewer"]
    viewer.memberships.create(role="viewer", group=DeviceGroup.objects.get(name="house"))
    client = world.client("viewer")
    for path, key in (
        (f"{PREFIX}/devices", "code"),
        (f"{PREFIX}/captures", "id"),
        (f"{PREFIX}/rollouts", "id"),
    ):
        found = [item[key] for item in client.get(path).json()["items"]]
        assert len(found) == len(set(found)) >= 3, path
    [shared] = [d for d in client.get(f"{PREFIX}/devices").json()["items"] if d["code"] == "shared-cam"]
    assert (shared["group"], shared["groups"]) == ("house", ["house", "yard"])
