"""The management API of devices, keys, commands and events."""

import itertools
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.events.models import Event
from devices.keys import identity
from devices.registry.models import Device, LinkState
from devices.setup import adding
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance.models import Removal
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_program, make_user

pytestmark = pytest.mark.django_db

WIRE_KEYS = """code name profile group online last_seen_at enabled command_topic result_topic frame_topic
picture_topic picture_ack_topic action_as_string result_publisher issued_name_upload allowed_network ack_base
stream_policy product_key device_name modules""".split()
DEVICES = "/api/v1/devices"
JSON = "application/json"


def alice() -> Client:
    """An owner's program."""
    return make_program(make_user("alice", "owner"))


def test_a_device_has_every_promised_key():
    make_device("porch", profile="esp32s3", group=DeviceGroup.objects.create(name="garden"))
    answer = alice().get(f"{DEVICES}/porch").json()
    assert set(WIRE_KEYS) <= set(answer)
    assert (answer["group"], answer["command_topic"]) == ("garden", "/light/deviceIn")
    assert answer["online"] is False


def test_a_new_device_comes_with_a_working_key_shown_once():
    client = alice()
    made = client.post(DEVICES, {"code": "porch", "profile": "esp32s3"}, JSON)
    assert made.status_code == 201
    assert identity.find_device(made.json()["key"]).code == "porch"
    assert made.json()["device_secret"] is None
    assert "key" not in client.get(f"{DEVICES}/porch").json()


def test_a_board_with_the_aliyun_login_gets_its_secret_too():
    made = alice().post(DEVICES, {"code": "gate", "profile": "esp8266-stm32"}, JSON).json()
    assert made["device_secret"] == identity.device_secret(Device.objects.get(code="gate"))


def test_a_new_device_takes_any_changeable_field_and_a_new_group():
    body = {"code": "porch", "profile": "generic", "name": "门口", "group": "garden", "ack_base": 1}
    made = alice().post(DEVICES, body, JSON).json()
    assert (made["name"], made["group"], made["ack_base"]) == ("门口", "garden", 1)


def test_a_taken_code_is_a_conflict():
    make_device("porch")
    answer = alice().post(DEVICES, {"code": "porch", "profile": "generic"}, JSON)
    assert answer.status_code == 409
    assert answer.json()["err"] == "conflict"
    assert "code" in answer.json()["fields"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"code": "Porch!", "profile": "generic"}, "code"),
        ({"code": "porch", "profile": "toaster"}, "profile"),
        ({"code": "porch"}, "profile"),
        ({"code": "porch", "profile": "generic", "colour": "red"}, "colour"),
        ({"code": "porch", "profile": "generic", "command_topic": "a/#"}, "command_topic"),
        ({"code": "porch", "profile": "generic", "allowed_network": "here"}, "allowed_network"),
    ],
)
def test_a_wrong_new_device_is_told_the_field(body, field):
    answer = alice().post(DEVICES, body, JSON)
    assert (answer.status_code, answer.json()["err"]) == (422, "invalid")
    assert field in answer.json()["fields"]
    assert not Device.objects.exists()


def test_a_change_is_stored_and_told():
    make_device("porch")
    answer = alice().patch(f"{DEVICES}/porch", {"name": "Front door", "stream_policy": "interval:5"}, JSON)
    assert answer.json()["name"] == "Front door"
    assert Device.objects.get().stream_policy == "interval:5"
    assert "name" in Event.objects.exclude(sentence="").latest("seq").sentence


def test_a_group_can_be_taken_away():
    make_device("porch", group=DeviceGroup.objects.create(name="garden"))
    assert alice().patch(f"{DEVICES}/porch", {"group": None}, JSON).json()["group"] is None


def test_a_device_has_several_groups_of_which_group_is_the_first():
    for name in ("yard", "garden"):
        DeviceGroup.objects.create(name=name)
    make_device("porch", groups=DeviceGroup.objects.all())
    client = alice()
    porch = client.get(f"{DEVICES}/porch").json()
    assert (porch["group"], porch["groups"]) == ("garden", ["garden", "yard"])
    assert [d["groups"] for d in client.get(DEVICES, {"group": "yard"}).json()["items"]] == [
        ["garden", "yard"]
    ]


@pytest.mark.parametrize(
    ("change", "groups"),
    [
        ({"groups": ["attic", " yard "]}, ["attic", "yard"]),
        ({"groups": ["yard", "yard"]}, ["yard"]),
        ({"groups": []}, []),
        ({"group": "attic"}, ["attic"]),
        ({"group": None}, []),
        ({"name": "Front door"}, ["garden", "yard"]),
        # As a program would write back what it read.
        ({"group": "garden", "groups": ["garden", "yard", "attic"]}, ["attic", "garden", "yard"]),
    ],
)
def test_groups_are_set_all_at_once(change, groups):
    for name in ("yard", "garden"):
        DeviceGroup.objects.create(name=name)
    make_device("porch", groups=DeviceGroup.objects.all())
    changed = alice().patch(f"{DEVICES}/porch", change, JSON).json()
    assert (changed["groups"], changed["group"]) == (groups, groups[0] if groups else None)


@pytest.mark.parametrize(
    "change", [{"groups": None}, {"groups": [""]}, {"groups": ["  "]}, {"group": " "}, {"groups": ["x" * 81]}]
)
def test_a_name_that_no_group_can_have_is_refused(change):
    make_device("porch")
    assert alice().patch(f"{DEVICES}/porch", change, JSON).status_code == 422
    assert not DeviceGroup.objects.exists()


def test_a_refused_change_makes_no_group():
    make_device("porch", profile="esp32s3")
    make_device("barn")
    change = {"result_topic": "/light/deviceOut", "groups": ["yard"]}
    assert alice().patch(f"{DEVICES}/barn", change, JSON).status_code == 409
    assert not DeviceGroup.objects.exists()


def test_a_new_device_comes_into_its_groups():
    body = {"code": "porch", "profile": "generic", "groups": ["garden", "yard"]}
    assert alice().post(DEVICES, body, JSON).json()["groups"] == ["garden", "yard"]


def test_a_topic_of_another_device_is_a_conflict_in_words():
    make_device("porch", profile="esp32s3")
    make_device("barn")
    answer = alice().patch(f"{DEVICES}/barn", {"result_topic": "/light/deviceOut"}, JSON)
    assert answer.status_code == 409
    assert "porch" in answer.json()["fields"]["result_topic"]


@pytest.mark.parametrize(
    "body", [{"name": None}, {"enabled": "yes"}, {"ack_base": False}, {"code": "shed"}, {"online": True}]
)
def test_a_wrong_change_is_refused(body):
    make_device("porch")
    assert alice().patch(f"{DEVICES}/porch", body, JSON).status_code == 422


def test_a_deleted_device_is_gone_with_its_pictures_files():
    path = make_capture(make_device("porch"), kept=True).path
    assert alice().delete(f"{DEVICES}/porch").status_code == 204
    assert not Device.objects.exists()
    assert not Capture.everything.exists()
    assert not store.full_path(path).exists() and not Removal.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("get", "", "look"),
        ("patch", "", "manage"),
        ("delete", "", "manage"),
        ("get", "/keys", "manage"),
        ("post", "/keys", "manage"),
        ("delete", "/keys/abcdefgh", "manage"),
        ("get", "/commands", "look"),
        ("post", "/capture", "command"),
    ],
)
def test_a_stranger_gets_404_and_a_reader_403(method, path, right):
    make_device("porch", profile="esp32s3")
    for name, role, expected in (("mallory", "", 404), ("vera", "viewer", 200 if right == "look" else 403)):
        client = make_program(make_user(name, role))
        answer = getattr(client, method)(f"{DEVICES}/porch{path}", {} if method != "get" else None, JSON)
        assert answer.status_code == expected


def test_only_owners_add_devices():
    answer = make_program(make_user("bob", "operator")).post(
        DEVICES, {"code": "a1", "profile": "generic"}, JSON
    )
    assert (answer.status_code, answer.json()["err"]) == (403, "forbidden")


def test_a_list_shows_only_what_a_viewer_of_one_group_may_see():
    garden = DeviceGroup.objects.create(name="garden")
    make_device("porch", group=garden)
    make_device("barn")
    answer = make_program(make_user("vera", "viewer", garden)).get(DEVICES).json()
    assert [d["code"] for d in answer["items"]] == ["porch"]


def test_pages_follow_each_other_without_gap_or_repeat():
    now = timezone.now()
    codes = [f"cam-{n}" for n in range(7)]
    for code in codes:
        make_device(code, created_at=now)
    client, seen, cursor = alice(), [], ""
    while cursor is not None:
        page = client.get(DEVICES, {"limit": 3, "cursor": cursor}).json()
        seen, cursor = seen + [d["code"] for d in page["items"]], page["next"]
    assert seen == codes[::-1]


@pytest.mark.parametrize("query", [{"limit": 501}, {"limit": 0}, {"cursor": "made-up"}, {"q": "a\0"}])
def test_a_wrong_question_is_refused(query):
    answer = alice().get(DEVICES, query)
    assert (answer.status_code, answer.json()["err"]) == (422, "invalid")
    assert set(query) == set(answer.json()["fields"])


def test_a_list_is_searched_by_name_and_group():
    make_device("porch", name="Front door", group=DeviceGroup.objects.create(name="garden"))
    make_device("barn")
    client = alice()
    for query in ({"q": "front"}, {"q": "POR"}, {"group": "garden"}):
        assert [d["code"] for d in client.get(DEVICES, query).json()["items"]] == ["porch"]


def test_the_online_filter_agrees_with_every_device():
    now = timezone.now()
    pasts = itertools.product(LinkState.values, (None, 30, 300), (None, 5, 150, 750, 2000))
    for number, (state, *ages) in enumerate(pasts):
        changed, seen = (age and now - timedelta(seconds=age) for age in ages)
        device = make_device(f"cam-{number}", reporting_interval_s=200 + number % 2 * 600)
        values = {"link_state": state, "link_changed_at": changed, "last_seen_at": seen}
        Device.objects.filter(pk=device.pk).update(**values)
    client = alice()
    for online in (True, False):
        found = {d["code"] for d in client.get(DEVICES, {"online": online, "limit": 500}).json()["items"]}
        assert found == {d.code for d in Device.objects.all() if d.online is online} != set()


def test_a_long_list_costs_no_more_queries_than_a_short_one(django_assert_max_num_queries):
    client = alice()
    for number in range(12):
        make_device(f"cam-{number}", group=DeviceGroup.objects.create(name=f"group {number}"))
    client.get(DEVICES)
    with django_assert_max_num_queries(4):
        assert len(client.get(DEVICES).json()["items"]) == 12


def test_a_key_can_be_rotated_and_revoked():
    made = adding.add_device(code="porch", name="", profile="generic")
    client = alice()
    new = client.post(f"{DEVICES}/porch/keys").json()
    assert identity.find_device(new["key"]) == identity.find_device(made.key) == made.device
    assert client.delete(f"{DEVICES}/porch/keys/{made.key[:8]}").status_code == 204
    assert identity.find_device(made.key) is None
    assert client.delete(f"{DEVICES}/porch/keys/{made.key[:8]}").status_code == 404
    told = Event.objects.filter(actor__username="alice").values_list("sentence", flat=True)
    assert {"A key was created.", "A key was revoked."} <= set(told)
    assert not Event.objects.filter(sentence__contains=made.key[:8])


def test_listed_keys_hold_no_secret():
    made = adding.add_device(code="porch", name="", profile="generic")
    (key,) = alice().get(f"{DEVICES}/porch/keys").json()["items"]
    assert key["prefix"] == made.key[:8]
    assert set(key) == {"prefix", "created_at", "last_used_at", "revoked_at"}


def test_a_command_can_be_read_and_cancelled_once():
    device = make_device("porch", profile="esp32s3")
    command = commands.capture(device)
    client = make_program(make_user("bob", "operator"))
    path = f"/api/v1/commands/{command.pk}"
    assert client.get(path).json()["state"] == "queued"
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{path}/cancel").json()["err"] == "conflict"


def test_a_command_has_every_promised_key_and_its_picture():
    device = make_device("porch", profile="esp32s3")
    command = commands.capture(device)
    capture = make_capture(device, name=command.name)
    answer = alice().get(f"/api/v1/commands/{command.pk}").json()
    promised = "id device name state reason created_at sent_at finished_at capture".split()
    assert set(promised) <= set(answer)
    assert (answer["device"], answer["state"], answer["capture"]) == ("porch", "uploaded", str(capture.pk))


def test_commands_of_strangers_are_not_there():
    command = commands.capture(make_device("porch", profile="esp32s3"))
    mallory = make_program(make_user("mallory"))
    assert mallory.get(f"/api/v1/commands/{command.pk}").status_code == 404
    assert mallory.post(f"/api/v1/commands/{command.pk}/cancel").status_code == 404


def test_a_viewer_cannot_cancel():
    command = commands.capture(make_device("porch", profile="esp32s3"))
    vera = make_program(make_user("vera", "viewer"))
    assert vera.post(f"/api/v1/commands/{command.pk}/cancel").status_code == 403
    assert Command.objects.get().state == CommandState.QUEUED


def test_a_list_of_commands_costs_few_queries(django_assert_max_num_queries):
    device = make_device("porch", profile="esp32s3")
    for number in range(8):
        make_capture(device, name=commands.capture(device, name=str(number)).name)
    client = alice()
    client.get(f"{DEVICES}/porch")
    with django_assert_max_num_queries(4):
        assert len(client.get(f"{DEVICES}/porch/commands").json()["items"]) == 8


def test_events_since_a_number_are_told_once_and_in_order():
    device = make_device("porch", profile="esp32s3")
    commands.capture(device)
    client = alice()
    first = client.get("/api/v1/events").json()
    assert first["items"][-1]["type"] == "command.changed"
    assert first["seq"] == first["items"][-1]["seq"]
    capture = make_capture(device)
    news = client.get("/api/v1/events", {"since": first["seq"]}).json()["items"]
    created = [e for e in news if e["type"] == "capture.created"]
    assert [(e["capture"], e["device"]) for e in created] == [(str(capture.pk), "porch")]
    assert [e["seq"] for e in news] == sorted(e["seq"] for e in news)


def test_events_of_other_peoples_devices_are_not_told():
    make_capture(make_device("porch"))
    answer = make_program(make_user("mallory")).get("/api/v1/events").json()
    assert (answer["items"], answer["next"]) == ([], None)


def test_the_login_of_a_camera_is_shown_to_nobody_and_its_path_to_owners_only():
    make_device("porch", pull_url="http://root:geheim@cam:81/heimlich/x?pwd=leise")
    owner, viewer = alice(), make_program(make_user("vera", "viewer"))
    shown = [client.get(f"{DEVICES}/porch").json()["pull_url"] for client in (owner, viewer)]
    assert shown == ["http://root:***@cam:81/heimlich/x?pwd=***", "http://cam:81/…"]
    assert "geheim" not in viewer.get(DEVICES).content.decode() + owner.get(DEVICES).content.decode()
    again = {"pull_url": shown[0], "pull_fingerprint": "AB" * 32}
    assert owner.patch(f"{DEVICES}/porch", again, JSON).json()["pull_fingerprint"] == "ab" * 32
    assert Device.objects.get().pull_url == "http://root:geheim@cam:81/heimlich/x?pwd=leise"


def test_a_device_says_for_itself_whether_its_pictures_have_lasting_links():
    make_device("porch")
    client = alice()
    assert client.get(f"{DEVICES}/porch").json()["lasting_links"] == ""
    changed = client.patch(f"{DEVICES}/porch", {"lasting_links": "off"}, JSON)
    assert (changed.status_code, Device.objects.get().lasting_links) == (200, "off")
    assert client.patch(f"{DEVICES}/porch", {"lasting_links": "maybe"}, JSON).status_code == 422
