from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from devices import tasks
from devices.access.models import DeviceRemoval
from devices.commands.models import Command, CommandState
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.registry import removing
from devices.registry.models import Device, DeviceKey
from devices.setup import adding
from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import ingest
from media_pipeline.links import sharing
from media_pipeline.links.models import ShareLink
from media_pipeline.maintenance import deleting
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import Refused
from photohub.lib.database import pacing
from photohub.lib.messaging import enqueue
from tests.builders import make_capture, make_device, make_jpeg, make_upload, make_user

pytestmark = pytest.mark.django_db


def remove_slowly(device: Device, user=None) -> None:
    """Remove a device of which only the smallest tables go before the answer."""
    assert not removing.remove_device(device, user, within_s=-1)


def make_camera(pictures: int = 3) -> tuple[Device, list[Capture]]:
    porch = make_device("porch", name="Porch", command_topic="light/porch", result_topic="light/porch/out")
    return porch, [make_capture(porch, name=str(number)) for number in range(pictures)]


def test_a_removed_device_takes_its_rows_along_and_is_told():
    alice, porch = make_user("alice", "owner"), make_device("porch", name="Porch")
    assert removing.remove_device(porch, alice, within_s=60)

    assert not Device.everything.exists() and not DeviceKey.objects.exists() and not Command.objects.exists()
    event = Event.objects.get()
    assert (event.sentence, event.actor) == ("The device Porch (porch) was removed.", alice)


def test_upper_rooms_clean_up_before_the_rows_go(monkeypatch):
    heard, left = [], [2, 1, 0]

    def clear(device: Device, limit: int) -> int:
        heard.append((Device.everything.get(pk=device.pk).code, limit))
        return left.pop(0)

    monkeypatch.setattr(removing, "_listeners", [(clear, lambda device: 0)])
    # However busy the machine is.
    monkeypatch.setattr(pacing, "_LONG_S", 60)
    monkeypatch.setattr(removing, "_pace", pacing.Pace(removing.BATCH))
    porch = make_device("porch")
    assert removing.remove_device(porch, within_s=60)

    assert heard == [(f"~{porch.pk}", removing.BATCH)] * 3


def test_a_large_device_is_gone_for_everybody_before_its_pictures_are(monkeypatch):
    rung = []
    monkeypatch.setattr(enqueue, "send_task", lambda task, ids: rung.append((task, ids)))
    alice = make_user("alice", "owner")
    porch, captures = make_camera()
    browser = Client()
    browser.force_login(alice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.transaction.on_commit", lambda call, robust=False: call())
        remove_slowly(porch, alice)

    assert (removing.TASK, [porch.pk]) in rung
    assert Capture.everything.filter(device=porch).exists()
    assert not Device.objects.exists() and not Capture.objects.visible_to(alice).exists()
    assert not Event.objects.visible_to(alice).exclude(type="notice").exists()
    for path in ("/devices/porch", f"/captures/{captures[0].pk}", f"/p/{captures[0].code}"):
        assert browser.get(path, follow=True).status_code == 404, path
    for path in ("/", "/history", "/devices/"):
        assert "Porch" not in browser.get(path).text.replace("The device Porch", ""), path
    api = {"HTTP_ACCEPT": "application/json"}
    assert browser.get("/api/v1/captures", **api).json()["items"] == []


def test_no_door_lets_in_what_a_removed_device_sends():
    porch, _captures = make_camera()
    upload = make_upload(porch, make_jpeg(text="late"), name="late")
    remove_slowly(porch)
    with pytest.raises(Refused) as refusal:
        ingest(upload)
    assert refusal.value.word == "auth"
    assert not DeviceKey.objects.exists()


def test_an_order_that_is_still_open_goes_with_the_answer():
    porch, _captures = make_camera()
    later = timezone.now() + timedelta(minutes=1)
    Command.objects.create(device=porch, name="open", expires_at=later)
    old = Command.objects.create(device=porch, name="old", expires_at=later, state=CommandState.EXPIRED)
    remove_slowly(porch)
    assert [command.pk for command in Command.objects.all()] == [old.pk]


def test_a_shared_link_opens_no_picture_of_a_removed_device():
    porch, (first, *_others) = make_camera()
    link = ShareLink.objects.create(capture=first, created_by=make_user("alice", "owner"))
    assert sharing.pictures_of(link).exists()
    remove_slowly(porch)
    assert not sharing.pictures_of(link).exists()


def test_its_code_and_topics_can_be_used_again_at_once():
    porch, captures = make_camera()
    remove_slowly(porch)
    made = adding.add_device(code="porch", name="New", profile="generic", command_topic="light/porch").device
    picture = make_capture(made, name="0")
    assert removing.go_on([porch.pk]) == 1
    assert [c.pk for c in Capture.objects.all()] == [picture.pk]
    assert store.full_path(picture.path).exists() and not store.full_path(captures[0].path).exists()
    assert [d.code for d in Device.everything.all()] == ["porch"]


def test_the_worker_goes_on_where_it_was_ended(monkeypatch):
    monkeypatch.setattr(removing, "BATCH", 2)
    porch, captures = make_camera(5)
    remove_slowly(porch)
    with monkeypatch.context() as patch:
        patch.setattr(removing, "_RUN_S", -1)
        assert removing.go_on([porch.pk]) == 0
    told = DeviceRemoval.objects.get()
    assert (told.name, told.code, told.lease_until) == ("Porch", "porch", None)

    def die(device: Device, limit: int) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removing, "_listeners", [(die, deleting.count_pictures_of)])
        with pytest.raises(KeyboardInterrupt):
            removing.go_on([porch.pk])
    assert removing.due() == [porch.pk]
    tasks.sweep()
    assert tasks.remove_devices([porch.pk]) == 1
    assert not Device.everything.exists() and not DeviceRemoval.objects.exists()
    assert not any(store.full_path(capture.path).exists() for capture in captures)


def test_it_is_told_how_far_a_removal_is(monkeypatch):
    monkeypatch.setattr(removing, "BATCH", 2)
    porch, _captures = make_camera(5)
    remove_slowly(porch)
    seen: list[tuple[int | None, int]] = []

    def clear(device: Device, limit: int) -> int:
        [told] = removing.under_way()
        seen.append((told.pictures_total, told.pictures_gone))
        return deleting.clear_pictures_of(device, limit)

    monkeypatch.setattr(removing, "_listeners", [(clear, deleting.count_pictures_of)])
    gone_before = DeviceRemoval.objects.get().pictures_gone
    assert removing.go_on([porch.pk]) == 1
    assert seen[0] == (5, gone_before) and [gone for _total, gone in seen] == sorted(g for _t, g in seen)


def test_two_workers_do_not_clear_the_same_device():
    porch, _captures = make_camera()
    remove_slowly(porch)
    assert removing._take(porch) and not removing._take(porch)
    assert removing.due() == [] and removing.go_on([porch.pk]) == 0


def test_a_picture_that_comes_in_the_last_moment_goes_as_well(monkeypatch):
    porch, _captures = make_camera(0)
    late = make_upload(porch, name="late")

    def finish(device: Device) -> bool:
        monkeypatch.undo()
        Device.everything.filter(pk=device.pk).update(enabled=True)
        ingest(late)
        return removing._finish(device)

    monkeypatch.setattr(removing, "_finish", finish)
    assert not removing.remove_device(porch)
    assert Device.everything.exists()
    assert removing.go_on([porch.pk]) == 1 and not Capture.everything.exists()


def test_events_of_a_removed_device_go_in_batches():
    porch = make_device("porch")
    events.record_all([Event(type=EventType.DEVICE_CHANGED, device=porch) for _ in range(7)])
    assert removing.remove_device(porch, within_s=60)
    assert not Event.objects.filter(device__isnull=False).exists()
