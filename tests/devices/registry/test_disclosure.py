"""What lies between groups: a panel of one group that shows pictures of another's camera, and who may read of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.access.groups import DeviceGroup
from devices.commands import queue as commands
from devices.panels.deliveries.disclosure import tell_origins
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.playlists import turns as playlists
from devices.registry.disclosure import bare_address, first_group, name_groups, of_group, tell_group
from devices.registry.models import Device, Panel
from photohub.lib.ids import new_id
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db

API = "/api/v1"
SECRET = "http://bob:pass9@cam.example/x.jpg?token=qqq#frag"


def two_groups():
    """Return a panel of the yard, a camera of the house, and a picture of that camera."""
    yard, house = (DeviceGroup.objects.create(name=name) for name in ("yard", "house"))
    panel, camera = make_device("panel", profile="panel", group=yard), make_device("cellar", group=house)
    return panel, camera, make_capture(camera)


def send(panel, capture, **values):
    facts = {
        "origin": PictureOrigin.CAPTURE,
        "origin_ref": str(capture.pk),
        "caption": "Cellar",
        "cause": "Rule 7",
    }
    return Delivery.objects.create(device=panel, **facts | values)


def yard_person(role: str):
    return make_user(role, role, DeviceGroup.objects.get(name="yard"))


def test_a_page_of_panels_costs_the_same_however_many_they_are(client, django_assert_num_queries):
    panel, _camera, capture = two_groups()
    Panel.objects.update(shown_label=str(capture.pk))
    client.force_login(yard_person("viewer"))
    with CaptureQueriesContext(connection) as one:
        assert client.get(f"{API}/devices").json()["items"][0]["panel"]["shown_label"] == ""
    for number in range(4):
        Panel.objects.filter(
            device=make_device(f"p{number}", profile="panel", groups=panel.groups.all())
        ).update(shown_label=str(new_id()))
    with django_assert_num_queries(len(one)):
        assert len(client.get(f"{API}/devices").json()["items"]) == 5


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_a_delivery_names_no_picture_of_another_group(client, role):
    panel, _camera, capture = two_groups()
    delivery = send(panel, capture)
    client.force_login(yard_person(role))
    pages = [
        "devices/panel/show",
        f"{API[1:]}/deliveries/{delivery.pk}",
        f"{API[1:]}/devices/panel/deliveries",
    ]
    for page in pages:
        body = client.get(f"/{page}").content.decode()
        assert not [word for word in (str(capture.pk), "Cellar", "Rule 7") if word in body], page
    assert Delivery.objects.get().origin_ref == str(capture.pk)


def test_who_sees_both_groups_reads_all_of_it():
    panel, _camera, capture = two_groups()
    send(panel, capture)
    for person in (make_user("ann", "viewer"), make_user("olga", "owner")):
        [told] = tell_origins(person, Delivery.objects.all())
        assert (told.origin_ref, told.caption, told.cause) == (str(capture.pk), "Cellar", "Rule 7")


def test_a_playlist_names_no_camera_of_another_group(client):
    panel, camera, capture = two_groups()
    playlists.add_camera(panel, camera, "the cellar")
    playlists.add_picture(panel, b"picture", str(capture.pk))
    Panel.objects.filter(device=panel).update(shown_label=str(capture.pk))
    client.force_login(yard_person("viewer"))
    for page in (f"{API}/devices/panel/playlist", f"{API}/devices/panel", "/devices/panel/playlist/"):
        body = client.get(page).content.decode()
        assert "cellar" not in body and str(capture.pk) not in body, page
    assert [item.camera for item in playlists.items_of(panel)] == [camera, None]


def test_an_address_is_shown_without_its_secrets_to_who_may_only_look(client):
    panel, _camera, capture = two_groups()
    send(panel, capture, origin=PictureOrigin.URL, origin_ref=SECRET)
    client.force_login(yard_person("viewer"))
    body = client.get(f"{API}/devices/panel/deliveries").json()["items"][0]
    assert body["origin_ref"] == "http://cam.example/x.jpg"
    client.force_login(yard_person("operator"))
    assert client.get(f"{API}/devices/panel/deliveries").json()["items"][0]["origin_ref"] == SECRET


@pytest.mark.parametrize(
    "text, shown",
    [
        (SECRET, "http://cam.example/x.jpg"),
        ("cat.jpg", "cat.jpg"),
        ("", ""),
        ("http://[broken", ""),
        ("what? a file.png", "what? a file.png"),
    ],
)
def test_addresses_are_bared_and_other_words_are_not(text, shown):
    assert bare_address(text) == shown


def test_a_group_is_named_to_its_own_people():
    two_groups()
    viewer = yard_person("viewer")
    assert [tell_group(viewer, name) for name in ("yard", "house", "")] == ["yard", "", ""]
    assert tell_group(make_user("ann", "viewer"), "house") == "house"


# --- a device of several groups ---


def in_both(code: str = "gate") -> Device:
    return make_device(code, groups=DeviceGroup.objects.all())


def test_a_common_device_does_not_name_the_other_group():
    two_groups()
    in_both()
    assert tell_group(yard_person("viewer"), "house") == ""


def test_the_groups_of_devices_are_named_in_their_order_as_far_as_one_may_know(django_assert_num_queries):
    two_groups()
    devices = [in_both(), in_both("door"), make_device("shed")]
    DeviceGroup.objects.filter(name="yard").update(position=0)
    named = {}
    for person in (make_user("olga", "owner"), yard_person("viewer"), make_user("mallory"), None):
        name_groups(person, devices)
        named[str(person)] = [device.group_names for device in devices]
    both = ["yard", "house"]
    assert named["olga"] == [both, both, []] and named["viewer"] == [["yard"], ["yard"], []]
    assert named["mallory"] == named["None"] == [[], [], []]
    owner = make_user("ann", "owner")
    with django_assert_num_queries(1):
        name_groups(owner, Device.objects.none()) or name_groups(owner, devices)


def test_a_group_finds_and_sorts_only_for_who_may_know_it():
    two_groups()
    gate = in_both()
    viewer, owner = yard_person("viewer"), make_user("olga", "owner")
    house = DeviceGroup.objects.get(name="house")
    found = {p: list(of_group(Device.objects.filter(pk=gate.pk), p, "house")) for p in (viewer, owner)}
    assert found == {viewer: [], owner: [gate]}
    assert not of_group(Device.objects.all(), viewer, str(house.pk), key=str(house.pk)).exists()
    first = {p: Device.objects.annotate(first=first_group(p)).get(pk=gate.pk).first for p in (viewer, owner)}
    assert first == {viewer: "yard", owner: "house"}


# --- proofs ---


def test_only_who_may_command_sees_the_name_of_an_open_command(client):
    camera = make_device("lamp", profile="esp32s3")
    command = commands.capture(camera)
    people = {role: make_user(role, role) for role in ("viewer", "operator", "owner")}
    shown = {}
    for role, person in people.items():
        client.force_login(person)
        shown[role] = [
            client.get(f"{API}/commands/{command.pk}").json()["name"],
            client.get(f"{API}/devices/lamp/commands").json()["items"][0]["name"],
        ]
    assert shown == {"viewer": ["", ""], "operator": [command.name] * 2, "owner": [command.name] * 2}
    reading = make_program(people["operator"], "read")
    assert reading.get(f"{API}/commands/{command.pk}").json()["name"] == ""


def test_the_name_is_told_to_all_when_it_proves_nothing_any_more(client):
    command = commands.capture(make_device("lamp", profile="esp32s3"))
    commands.cancel(command)
    client.force_login(make_user("victor", "viewer"))
    assert client.get(f"{API}/commands/{command.pk}").json()["name"] == command.name


def test_no_page_that_a_viewer_may_open_holds_the_name_of_an_open_command(client):
    command = commands.capture(make_device("lamp", profile="esp32s3"))
    client.force_login(make_user("victor", "viewer"))
    pages = [
        "/",
        "/devices/",
        "/devices/lamp",
        "/devices/lamp/now",
        "/devices/lamp/events",
        "/devices/lamp/connect",
    ]
    pages += [
        f"/devices/lamp/commands/{command.pk}",
        "/cards/lamp",
        "/history",
        f"{API}/events",
        f"{API}/captures",
    ]
    answers = {page: client.get(page, follow=True).content.decode() for page in pages}
    assert not [page for page, body in answers.items() if command.name in body]


def test_the_address_by_which_a_panel_gets_its_key_is_the_owners(client):
    device = make_device("panel", profile="panel")
    Panel.objects.filter(device=device).update(hardware_address="AA:BB:CC:DD:EE:FF")
    shown = {}
    for role in ("viewer", "operator", "owner"):
        client.force_login(make_user(role, role))
        shown[role] = client.get(f"{API}/devices/panel").json()["panel"]["hardware_address"]
    assert shown == {"viewer": "", "operator": "", "owner": "AA:BB:CC:DD:EE:FF"}
