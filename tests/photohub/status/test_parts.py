"""What the status page says in which situation."""

import socket
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from devices.access.models import DeviceRemoval
from devices.events import heartbeats, troubles
from devices.events.models import Event, ServiceBeat
from devices.firmware.rollouts import link_check
from devices.registry.models import BrokerAccount
from media_pipeline.maintenance import counting
from media_pipeline.maintenance.deleting import FORMER_MIRROR
from media_pipeline.maintenance.models import DaySize, Removal
from media_pipeline.mirror import gate
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store
from photohub.gateway import state
from photohub.lib.pages import vendor
from photohub.lib.pages.sentences import columns, kept, said
from photohub.status import parts as status
from tests.builders import make_capture, make_device, make_user


@pytest.fixture(autouse=True)
def _works(db, monkeypatch, settings):
    """Begin with a hub that is well: worker and broker beat, and the network is there."""
    heartbeats.note("worker", True)
    heartbeats.note("broker", True)
    settings.BEST_ADDRESS = "192.168.1.10"


def part(key: str) -> status.Part:
    return next(p for p in status.collect().parts if p.key == key)


def set_mirror(settings, tmp_path) -> None:
    settings.PHOTOHUB_MIRROR = "file"
    settings.PHOTOHUB_MIRROR_FOLDER = str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir(exist_ok=True)


def make_waiting(count: int, **values) -> None:
    porch = make_device()
    for number in range(count):
        make_capture(porch, name=f"p{number}")
    OSSObject.objects.update(**{"state": MirrorState.PENDING, **values})


def test_all_is_well():
    answer = status.collect()
    assert (answer.ok, answer.sentence, answer.look) == (True, "All is well.", "good")
    assert {p.state for p in answer.parts} <= {"ok", "off"}


def test_it_is_quick():
    make_waiting(3)
    status.collect()
    started_s = time.process_time()
    status.collect()
    assert time.process_time() - started_s < 0.05


def test_a_silent_worker_is_a_problem_since_its_last_beat():
    last = timezone.now() - timedelta(seconds=61)
    ServiceBeat.objects.filter(pk="worker").update(at=last)
    found = part("worker")
    assert (found.state, found.since) == ("problem", last)
    assert not status.collect().ok


def test_a_worker_that_never_came_is_a_problem_only_after_a_minute(monkeypatch):
    ServiceBeat.objects.all().delete()
    monkeypatch.setattr(status, "_started_s", time.monotonic())
    assert part("worker").state == "warning"
    monkeypatch.setattr(status, "_started_s", time.monotonic() - 61)
    assert part("worker").state == "problem"


def test_a_lost_broker_speaks_in_its_own_words():
    heartbeats.note("broker", False, "The message broker at mosquitto:1883 is away.")
    answer = status.collect()
    assert answer.sentence == "The message broker at mosquitto:1883 is away."
    assert answer.since is not None and answer.look == "bad"
    assert "PHOTOHUB_MQTT_URL" in part("broker").help


@pytest.mark.parametrize(
    ("language", "words"), [("en", "none was processed"), ("zh-hans", "一条都没有处理完")]
)
def test_messages_that_are_stuck_are_told_until_one_is_handled(client, language, words):
    state.note_stuck(False)
    state.note_stuck(True)
    with override(language):
        assert words in part("broker").sentence and not status.collect().ok
        assert words in Event.objects.latest("seq").text
    assert client.get("/readyz").status_code == 503
    state.note_stuck(False)
    assert part("broker").state == "ok" and Event.objects.filter(word__startswith="messages").count() == 2


def test_a_blocked_mirror_says_how_many_wait_and_why(settings, tmp_path):
    set_mirror(settings, tmp_path)
    make_waiting(3, state=MirrorState.BLOCKED, error="The access key was refused.")
    heartbeats.note("mirror", False, "The access key was refused.")
    answer = status.collect()
    assert answer.sentence == "3 pictures are waiting for the mirror folder: The access key was refused."
    assert answer.since is not None and not answer.ok


def test_a_young_backlog_is_no_trouble_an_old_one_is(settings, tmp_path):
    set_mirror(settings, tmp_path)
    make_waiting(1)
    assert part("mirror").state == "ok"
    OSSObject.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert (part("mirror").state, part("mirror").sentence) == (
        "warning",
        "1 picture is waiting for the mirror folder.",
    )


def test_failed_copies_are_told(settings, tmp_path):
    set_mirror(settings, tmp_path)
    make_waiting(2, state=MirrorState.FAILED)
    assert part("mirror").sentence == "2 pictures could not be copied to the mirror folder."


def test_no_mirror_is_off_and_no_trouble():
    assert part("mirror").state == "off"


def test_the_disk_at_its_floor_is_a_problem(settings):
    settings.DISK_FLOOR_BYTES = store.free_bytes() + 10**9
    assert part("disk").state == "problem"


def test_the_disk_near_its_floor_is_a_warning(settings):
    settings.DISK_FLOOR_BYTES = int(store.free_bytes() / 1.5)
    assert part("disk").state == "warning"


def test_a_machine_without_a_network_says_so(settings):
    settings.BEST_ADDRESS = "127.0.0.1"
    assert part("address").state == "warning"


def test_a_hub_that_lets_in_nobody_from_outside_says_so(settings):
    settings.HTTP_HOST = "127.0.0.1"
    assert "lets in only what runs on this machine" in part("address").sentence


def test_pictures_from_the_future_show_a_clock_set_back():
    make_capture(make_device(), received_at=timezone.now() + timedelta(hours=1))
    assert part("clock").state == "warning"


def test_a_clock_from_long_ago_is_a_problem(monkeypatch):
    monkeypatch.setattr(status, "EARLIEST_TIME", timezone.now() + timedelta(days=1))
    assert part("clock").state == "problem"


def test_redis_that_hangs_costs_a_second_and_no_more(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started_s = time.monotonic()
        assert part("live").state == "problem"
        assert time.monotonic() - started_s < 2.5


def test_a_missing_viewer_is_no_trouble(monkeypatch):
    monkeypatch.setattr(vendor, "available", lambda: False)
    assert part("lightbox").state == "off" and status.collect().ok


def test_a_part_that_breaks_spoils_no_other(monkeypatch):
    def explode() -> bool:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(vendor, "available", explode)
    answer = status.collect()
    assert [p.key for p in answer.parts if p.state == "problem"] == ["lightbox"]
    assert "s3cret" not in repr(answer)


def page_of(name: str, role: str, **headers):
    client = Client()
    client.force_login(make_user(name, role))
    return client, client.get("/status", headers=headers)


def test_owners_read_figures_and_what_to_do():
    text = page_of("alice", "owner")[1].text
    assert "All is well." in text and "SQLite" in text and "set PHOTOHUB_MIRROR" in text


def test_others_read_the_sentence_and_states_only():
    heartbeats.note("worker", True)
    text = page_of("vera", "viewer")[1].text
    assert "All is well." in text and "Database" in text
    assert "SQLite" not in text and "Test storage" not in text


def test_strangers_are_sent_to_the_login(client):
    assert client.get("/status")["Location"] == "/login?next=/status"


def test_the_refresh_is_the_inner_part_only():
    text = page_of("vera", "viewer", **{"HX-Request": "true"})[1].text
    assert "<html" not in text and "All is well." in text


def test_the_storage_test_shows_each_step(settings, tmp_path):
    set_mirror(settings, tmp_path)
    client, page = page_of("alice", "owner")
    assert "Test storage" in page.text
    text = client.post("/status/storage", follow=True).text
    assert "Storage test" in text and "The same bytes came back." in text
    assert "Storage test" not in client.get("/status").text


def test_a_storage_test_that_works_frees_what_was_blocked(settings, tmp_path):
    set_mirror(settings, tmp_path)
    make_waiting(1, state=MirrorState.BLOCKED)
    page_of("alice", "owner")[0].post("/status/storage")
    assert OSSObject.objects.get().state == MirrorState.PENDING


def test_a_storage_test_that_fails_frees_nothing(settings, tmp_path):
    set_mirror(settings, tmp_path)
    settings.PHOTOHUB_MIRROR_FOLDER = str(tmp_path / "unmounted")
    make_waiting(1, state=MirrorState.BLOCKED)
    text = page_of("alice", "owner")[0].post("/status/storage", follow=True).text
    assert "does not exist" in text
    assert OSSObject.objects.get().state == MirrorState.BLOCKED


def test_without_a_mirror_there_is_nothing_to_test():
    text = page_of("alice", "owner")[0].post("/status/storage", follow=True).text
    assert "nothing to test" in text


@pytest.mark.parametrize("state", [MirrorState.BLOCKED, MirrorState.FAILED])
def test_retry_makes_stuck_copies_due(settings, tmp_path, state):
    set_mirror(settings, tmp_path)
    make_waiting(2, state=state)
    client, page = page_of("alice", "owner")
    assert "Retry all now" in page.text
    assert "2 pictures are tried again now." in client.post("/status/retry", follow=True).text
    assert set(OSSObject.objects.values_list("state", flat=True)) == {"pending"}


def test_older_pictures_can_be_mirrored_once_there_is_a_mirror(settings, tmp_path):
    make_waiting(2, state=MirrorState.OFF)
    set_mirror(settings, tmp_path)
    client, page = page_of("alice", "owner")
    assert "Mirror the 2 older pictures" in page.text
    client.post("/status/adopt")
    assert set(OSSObject.objects.values_list("state", flat=True)) == {"pending"}


def test_older_pictures_stay_when_there_is_no_mirror():
    make_waiting(1, state=MirrorState.OFF)
    page_of("alice", "owner")[0].post("/status/adopt")
    assert OSSObject.objects.get().state == MirrorState.OFF


@pytest.mark.parametrize("path", ["storage", "retry", "adopt"])
def test_buttons_are_for_owners_and_forms(path):
    owner, operator = page_of("alice", "owner")[0], page_of("bob", "operator")[0]
    assert operator.post(f"/status/{path}").status_code == 403
    assert owner.get(f"/status/{path}").status_code == 405


def test_an_outside_address_that_does_not_answer_is_told_while_firmware_goes_out():
    heartbeats.note(
        link_check.HEARTBEAT, False, "http://192.168.1.10 answered 404, so it does not lead to this hub."
    )
    assert (part("address").state, "404" in part("address").sentence) == ("warning", True)
    ServiceBeat.objects.filter(pk=link_check.HEARTBEAT).update(at=timezone.now() - timedelta(minutes=30))
    assert part("address").state == "ok"


def test_of_a_configured_address_it_is_told_whether_the_hub_reached_itself_there(settings):
    settings.PHOTOHUB_URL = "https://photos.example.org"
    assert "not known yet" in part("address").sentence
    heartbeats.note(link_check.HEARTBEAT, True, "")
    assert "it leads here" in part("address").sentence
    ServiceBeat.objects.filter(pk=link_check.HEARTBEAT).update(at=timezone.now() - timedelta(minutes=30))
    assert "not known yet" in part("address").sentence
    settings.LINK_CHECK = False
    assert "is not checked" in part("address").sentence


def test_cameras_that_cannot_be_fetched_are_counted():
    north, south = make_device("north"), make_device("south")
    for camera in (north, south):
        troubles.note(camera, "fetch_slow")
    found = part("devices")
    assert (found.state, found.sentence) == ("warning", "2 cameras cannot be fetched.")
    troubles.note(north, "file_refused", detail="x")
    troubles.note(make_device("east"), "file_refused", detail="x")
    assert part("devices").sentence == "3 devices need attention." and part("devices").figures[0][1] == "2"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("unheard topics", "broker"),
        ("broker accounts", "broker"),
        ("orphans", "files"),
        ("streams", "devices"),
        ("mqtt connections", "devices"),
    ],
)
def test_what_is_wrong_with_no_single_device_is_said_in_the_readers_language(name, key):
    heartbeats.note(name, False, said("Streams are accepted again."))
    assert (part(key).state, part(key).sentence) == ("warning", "Streams are accepted again.")
    with override("zh-hans"):
        assert part(key).sentence == "又能接受视频流了。"


def test_an_account_of_a_person_that_the_broker_refuses_is_said():
    BrokerAccount.objects.create(
        username="bob", error="This name belongs to the hub itself. Choose another one."
    )
    assert (
        part("broker").state == "warning" and "account of bob: This name belongs" in part("broker").sentence
    )
    with override("zh-hans"):
        assert "account" not in part("broker").sentence and "hub" not in part("broker").sentence


def test_what_deleting_left_behind_is_said_but_for_copies_in_a_former_mirror():
    Removal.objects.create(capture_id=uuid4(), path="a", error=FORMER_MIRROR.text)
    assert part("files").state == "ok"
    Removal.objects.create(
        capture_id=uuid4(), path="b", **columns("error", said("The key is already taken."))
    )
    assert (
        part("files").sentence.startswith("1 deleted picture still has") and "taken" in part("files").sentence
    )


def test_a_mirror_that_fails_says_so_in_the_readers_language(settings, tmp_path):
    set_mirror(settings, tmp_path)
    error = said("%(host)s did not answer in time. It will be tried again.", host="oss.example")
    make_waiting(1, state=MirrorState.BLOCKED, error=str(error), error_said=kept(error))
    assert "oss.example did not answer in time" in part("mirror").sentence
    with override("zh-hans"):
        assert "oss.example 没有及时回答" in part("mirror").sentence


def test_the_devices_say_how_far_a_removal_is():
    porch = make_device("porch")
    DeviceRemoval.objects.create(
        device=porch, code="porch", name="Porch", pictures_total=12_000, pictures_gone=3_000
    )
    assert part("devices").figures == [("Being removed", "1"), ("Their pictures deleted", "3,000 of 12,000")]


def test_retention_says_what_lies_in_the_trash():
    make_capture(make_device("porch"), trashed_at=timezone.now(), size_bytes=5 * 2**20)
    assert ("In the trash", "1 (5.2 MB)") in part("retention").figures


def test_a_mirror_whose_refused_pictures_are_gone_is_blocked_still(settings, tmp_path):
    set_mirror(settings, tmp_path)
    make_waiting(2)
    gate.shut("The access key was refused.")
    assert part("mirror").state == "problem"
    assert (
        part("mirror").sentence == "2 pictures are waiting for the mirror folder: The access key was refused."
    )
    assert "Retry all now" in page_of("alice", "owner")[1].text


def test_a_disk_that_soon_fills_is_told_while_there_is_time(monkeypatch):
    assert part("storage").sentence == "How long the disk lasts is known after a day of pictures."
    today = int(timezone.now().timestamp()) // 86_400
    for back in (1, 2):
        DaySize.objects.create(camera=0, day=today - back, size_bytes=10**9)
    for free_gb, look in ((6, "warning"), (60, "ok")):
        monkeypatch.setattr(store, "free_bytes", lambda free_gb=free_gb: free_gb * 10**9)
        assert (part("storage").state, bool(part("storage").help)) == (look, look == "warning")
    assert part("storage").figures[-1] == ("New in a day", "1.0 GB")


def test_everybody_is_told_which_of_his_cameras_take_most_room(client):
    make_capture(make_device(name="Porch"), received_at=timezone.now() - timedelta(days=2))
    counting.keep_counts()
    for person, is_told in ((make_user("alice", "owner"), True), (make_user("bob"), False)):
        client.force_login(person)
        assert ("What takes most room" in client.get("/status").content.decode()) is is_told
