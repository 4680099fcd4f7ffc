"""The management API of pictures, and asking for one."""

import asyncio
import functools

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.keys import tokens
from media_pipeline.captures import labels
from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, make_program, make_user

pytestmark = pytest.mark.django_db

CAPTURES = "/api/v1/captures"
SHUTTER = "/api/v1/devices/porch/capture"
JSON = "application/json"
WIRE_KEYS = """id code device name source sha256 size_bytes width height content_type flags captured_at
received_at url file_url thumbnail_url mirror command""".split()


def alice() -> Client:
    """An owner's program."""
    return make_program(make_user("alice", "owner"))


def test_a_picture_has_every_promised_key(settings):
    settings.PHOTOHUB_URL = "https://hub.example.org"
    capture = make_capture(make_device("porch"), make_jpeg(64, 48), name="a")
    answer = alice().get(f"{CAPTURES}/{capture.pk}").json()
    assert set(WIRE_KEYS) <= set(answer)
    assert set(answer["mirror"]) == {"state", "key", "url", "attempts", "error", "error_word", "mirrored_at"}
    assert (answer["device"], answer["width"], answer["height"]) == ("porch", 64, 48)
    assert answer["url"] == f"https://hub.example.org/p/{capture.code}"
    assert answer["file_url"] == f"https://hub.example.org/captures/{capture.pk}/original"
    assert answer["received_at"].endswith("Z")


def test_the_copy_of_a_mirrored_picture_has_its_address(settings):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_LINKS = "oss", "public"
    settings.OSS_ENDPOINT, settings.OSS_BUCKET = "https://oss-cn-hangzhou.aliyuncs.com", "pictures"
    settings.OSS_ACCESS_KEY_ID = settings.OSS_ACCESS_KEY_SECRET = "x"
    settings.OSS_REGION = "cn-hangzhou"
    capture = make_capture(make_device("porch"))
    client = alice()
    assert client.get(f"{CAPTURES}/{capture.pk}").json()["mirror"]["url"] is None
    OSSObject.objects.update(state=MirrorState.MIRRORED)
    url = client.get(f"{CAPTURES}/{capture.pk}").json()["mirror"]["url"]
    assert url.startswith("https://pictures.oss-cn-hangzhou.aliyuncs.com/")


def test_the_original_comes_with_the_same_token():
    data = make_jpeg(text="the bytes")
    capture = make_capture(make_device("porch"), data)
    client = alice()
    for word in ("original", "thumb"):
        url = client.get(f"{CAPTURES}/{capture.pk}").json()["file_url"].replace("original", word)
        answer = client.get("/" + url.split("/", 3)[3])
        assert answer.status_code == 200
        assert word == "thumb" or answer.content == data


def test_pages_of_pictures_follow_each_other():
    device, now = make_device("porch"), timezone.now()
    made = [str(make_capture(device, name=str(n), received_at=now).pk) for n in range(5)]
    client, seen, cursor = alice(), [], ""
    while cursor is not None:
        page = client.get(CAPTURES, {"limit": 2, "cursor": cursor}).json()
        seen, cursor = seen + [c["id"] for c in page["items"]], page["next"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"device": "porch"},
        {"group": "garden"},
        {"q": "front"},
        {"tag": "fox"},
        {"asked": "yes"},
        {"from": "2020-01-01", "to": "2099-01-01", "device": ["porch", "nowhere"]},
        {"state": "problem"},
    ],
)
def test_pictures_are_found_by_each_filter(query):
    porch = make_device("porch", profile="esp32s3", group=DeviceGroup.objects.create(name="garden"))
    wanted = make_capture(porch, name=commands.capture(porch, name="front").name)
    labels.add_tag([wanted], "fox")
    OSSObject.objects.update(state=MirrorState.FAILED)
    make_capture(make_device("barn"))
    answer = alice().get(CAPTURES, query).json()
    assert [c["id"] for c in answer["items"]] == [str(wanted.pk)]


@pytest.mark.parametrize(
    "query", [{"from": "yesterday"}, {"state": "odd"}, {"limit": 1000}, {"cursor": "x"}, {"kept": "perhaps"}]
)
def test_a_wrong_filter_is_refused(query):
    answer = alice().get(CAPTURES, query)
    assert (answer.status_code, answer.json()["err"]) == (422, "invalid")


def test_a_long_list_costs_no_more_queries_than_a_short_one(django_assert_max_num_queries):
    for number in range(6):
        device = make_device(
            f"cam-{number}", profile="esp32s3", group=DeviceGroup.objects.create(name=f"g{number}")
        )
        labels.add_tag([make_capture(device, name=commands.capture(device).name)], f"t{number}")
    client = alice()
    client.get(CAPTURES)
    with django_assert_max_num_queries(5):
        assert len(client.get(CAPTURES).json()["items"]) == 6


def test_strangers_find_nothing():
    capture = make_capture(make_device("porch"))
    mallory = make_program(make_user("mallory"))
    assert mallory.get(CAPTURES).json()["items"] == []
    assert mallory.get(f"{CAPTURES}/{capture.pk}").status_code == 404
    assert mallory.patch(f"{CAPTURES}/{capture.pk}", {"kept": True}, JSON).status_code == 404
    assert mallory.delete(f"{CAPTURES}/{capture.pk}").status_code == 404


def test_viewers_label_and_delete_nothing():
    capture = make_capture(make_device("porch"))
    vera = make_program(make_user("vera", "viewer"))
    assert vera.patch(f"{CAPTURES}/{capture.pk}", {"kept": True}, JSON).status_code == 403
    assert vera.delete(f"{CAPTURES}/{capture.pk}").status_code == 403
    assert Capture.objects.get().kept is False


def test_labels_are_changed_one_by_one():
    path = f"{CAPTURES}/{make_capture(make_device('porch')).pk}"
    client = make_program(make_user("bob", "operator"))
    assert client.patch(path, {"tags": ["fox", "night"]}, JSON).json()["tags"] == ["fox", "night"]
    assert client.patch(path, {"note": "at the bin"}, JSON).json()["tags"] == ["fox", "night"]
    answer = client.patch(path, {"tags": [], "kept": True}, JSON).json()
    assert (answer["tags"], answer["note"], answer["kept"]) == ([], "at the bin", True)


@pytest.mark.parametrize("body", [{"tags": ["a,b"]}, {"tags": ["x" * 41]}, {"kept": "yes"}, {"sha256": "0"}])
def test_wrong_labels_are_refused(body):
    capture = make_capture(make_device("porch"))
    assert alice().patch(f"{CAPTURES}/{capture.pk}", body, JSON).status_code == 422


def test_a_deleted_picture_is_gone_but_a_kept_one_stays():
    device = make_device("porch")
    gone, kept = make_capture(device, name="a"), make_capture(device, name="b", kept=True)
    client = alice()
    assert client.delete(f"{CAPTURES}/{gone.pk}").status_code == 204
    answer = client.delete(f"{CAPTURES}/{kept.pk}")
    assert (answer.status_code, answer.json()["err"]) == (409, "kept")
    assert list(Capture.objects.all()) == [kept]
    assert store.full_path(kept.path).exists()


def test_the_shutter_answers_at_once_without_wait():
    make_device("porch", profile="esp32s3")
    for answer in (
        alice().post(SHUTTER, content_type=JSON),
        make_program(make_user("bob", "operator")).post(SHUTTER, {}, JSON),
    ):
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_the_wish_stands_before_the_issued_name():
    make_device("porch", profile="esp32s3")
    assert alice().post(SHUTTER, {"name": "noon"}, JSON).json()["name"].startswith("noon-")


@pytest.mark.parametrize("values", [{"enabled": False}, {"command_topic": ""}])
def test_a_device_that_takes_no_commands_is_a_conflict_in_words(values):
    make_device("porch", **values)
    answer = alice().post(SHUTTER, content_type=JSON)
    assert (answer.status_code, answer.json()["err"]) == (409, "cannot_command")
    assert "porch" in answer.json()["des"]


@pytest.mark.parametrize("body", [{"wait": 31}, {"wait": -1}, {"wait": "5"}, {"timeout": 0}, {"nmae": "x"}])
def test_a_wrong_order_is_refused(body):
    make_device("porch", profile="esp32s3")
    assert alice().post(SHUTTER, body, JSON).status_code == 422
    assert not Command.objects.exists()


def _prepare(profile: str = "esp32s3"):
    device = make_device("porch", profile=profile)
    _token, secret = tokens.new_token(make_user("alice", "owner"), "program")
    return device, functools.partial(
        AsyncClient().post, SHUTTER, content_type=JSON, headers={"Authorization": f"Bearer {secret}"}
    )


async def _ordered() -> Command:
    """Return the command as soon as it is there."""
    for _ in range(1000):
        if command := await Command.objects.select_related("device").afirst():
            return command
        await asyncio.sleep(0.01)
    raise AssertionError("Nothing was ordered within 10 s.")


@pytest.mark.django_db(transaction=True)
async def test_who_waits_gets_the_picture():
    device, press = await sync_to_async(_prepare)()
    answer = asyncio.create_task(press({"wait": 20}))
    command = await _ordered()
    capture = await sync_to_async(make_capture)(device, name=command.name)
    answer = await answer
    assert (answer.status_code, answer.json()["id"]) == (200, str(capture.pk))
    assert answer.json()["command"] == str(command.pk)


@pytest.mark.django_db(transaction=True)
async def test_who_waits_hears_of_a_failure_at_once():
    _device, press = await sync_to_async(_prepare)()
    answer = asyncio.create_task(press({"wait": 20}))
    await sync_to_async(commands.fail)(await _ordered(), "camera_said", "The lens is covered.")
    answer = await answer
    assert (answer.status_code, answer.json()["state"]) == (202, CommandState.FAILED)
    assert answer.json()["reason"] == "The lens is covered."


@pytest.mark.django_db(transaction=True)
async def test_who_waited_in_vain_gets_the_command_as_it_stands():
    _device, press = await sync_to_async(_prepare)()
    answer = await press({"wait": 0.2})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_what_is_wrong_with_a_picture_is_told_with_its_cause():
    capture = make_capture(make_device("porch"), fault="grey_band", fault_values={"lost_percent": 20})
    answer = alice().get(f"{CAPTURES}/{capture.pk}").json()
    assert (answer["fault"], answer["fault_values"]) == ("grey_band", {"lost_percent": 20})
    assert "PSRAM" in answer["fault_reason"] and "20 %" in answer["fault_reason"]
    assert (answer["freshness"], answer["second_try"]) == (None, None)


def test_an_answer_with_the_bytes_of_the_one_before_names_the_second_try():
    device = make_device("porch", profile="esp32s3")
    for _ in range(2):
        asked = commands.capture(device)
        capture = make_capture(device, make_jpeg(), name=asked.name)
    program = alice()
    answer = program.get(f"{CAPTURES}/{capture.pk}").json()
    assert answer["freshness"] == "same"
    again = program.get(f"/api/v1/commands/{answer['second_try']}").json()
    assert again["again_of"] == answer["command"]
