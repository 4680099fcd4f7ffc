import os
import sqlite3
import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone
from psycopg_pool import PoolTimeout

from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.events.models import Event
from devices.keys import identity
from devices.registry.models import Device, DeviceKey
from devices.registry.sightings import sightings
from devices.setup import adding
from media_pipeline.captures.models import Capture
from media_pipeline.intake import ingest as ingest_module
from media_pipeline.intake import lookups
from media_pipeline.intake.ingest import Receipt, committer, ingest, ingest_batch
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import Refused
from photohub.lib.database import db
from tests.builders import make_device, make_jpeg, make_upload

pytestmark = pytest.mark.django_db


def files_in(folder) -> list:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_picture_becomes_a_file_and_its_rows():
    data = make_jpeg(80, 60)
    receipt = ingest(make_upload(make_device(), data, name="first"))
    capture = Capture.objects.get(pk=receipt.id)
    assert receipt.new and capture.code == receipt.code
    assert store.full_path(capture.path).read_bytes() == data
    assert (capture.width, capture.height, capture.size_bytes) == (80, 60, len(data))
    assert OSSObject.objects.get(pk=capture.pk).state == MirrorState.OFF
    assert Event.objects.filter(type="capture.created", subject=capture.pk).count() == 1


def test_nothing_is_left_in_incoming(settings):
    ingest(make_upload(make_device()))
    assert files_in(settings.INCOMING_DIR) == []


def test_the_same_bytes_under_the_same_name_are_one_capture():
    device = make_device()
    first, again = (ingest(make_upload(device, name="a")) for _ in range(2))
    assert (again.id, again.new) == (first.id, False)
    assert Capture.objects.count() == 1


def test_other_bytes_under_the_same_name_are_a_second_capture():
    device = make_device()
    one = ingest(make_upload(device, make_jpeg(text="1"), name="a"))
    two = ingest(make_upload(device, make_jpeg(text="2"), name="a"))
    assert one.id != two.id
    paths = [store.full_path(c.path) for c in Capture.objects.all()]
    assert len({p.read_bytes() for p in paths}) == 2


def test_the_same_picture_twice_in_one_batch_is_stored_once(settings):
    device = make_device()
    one, two = ingest_batch([make_upload(device, name="a"), make_upload(device, name="a")])
    assert (one.id, one.new, two.new) == (two.id, True, False)
    assert len(files_in(settings.PICTURES_DIR)) == 1


def test_two_devices_may_send_the_same_picture():
    receipts = ingest_batch(
        [make_upload(make_device("porch"), name="a"), make_upload(make_device("barn"), name="a")]
    )
    assert receipts[0].id != receipts[1].id


def test_a_database_error_leaves_no_file(monkeypatch, settings):
    def fail(*args, **kwargs):
        raise DatabaseError("gone")

    upload = make_upload(make_device())
    monkeypatch.setattr(ingest_module.rows, "insert", fail)
    (outcome,) = ingest_batch([upload])
    assert outcome.word == "db" and outcome.retry_after_s
    assert files_in(settings.PICTURES_DIR) == [] and Capture.objects.count() == 0


def test_a_disk_that_fails_at_the_commit_leaves_the_file_for_rows_that_may_come_back(monkeypatch, settings):
    def fail(*args, **kwargs):
        cause = sqlite3.OperationalError("disk I/O error")
        cause.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise OperationalError("disk I/O error") from cause

    monkeypatch.setattr(ingest_module.rows, "insert", fail)
    (outcome,) = ingest_batch([make_upload(make_device())])
    assert outcome.word == "db" and len(files_in(settings.PICTURES_DIR)) == 1


def test_a_full_disk_is_said_and_leaves_nothing(monkeypatch, settings):
    def full(*_moves):
        raise OSError(28, "No space left on device")

    upload = make_upload(make_device())
    monkeypatch.setattr(store.syncing, "_sync_file_system", full)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Refused) as refused:
        ingest(upload)
    assert refused.value.word == "disk_full" and refused.value.status == 507
    assert files_in(settings.PICTURES_DIR) + files_in(settings.INCOMING_DIR) == []
    assert Capture.objects.count() == 0


def test_one_unwritable_picture_does_not_cost_its_neighbours_their_place(monkeypatch):
    device = make_device()
    good, bad = make_upload(device, name="good"), make_upload(device, name="bad")

    def fail():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(bad.body, "to_file", fail)
    outcomes = ingest_batch([good, bad])
    assert outcomes[0].new and outcomes[1].word == "busy"


def test_a_picture_under_an_open_commands_name_answers_it():
    device = make_device("cam", profile="esp32s3")
    command = commands.capture(device)
    receipt = ingest(make_upload(device, name=command.name, command=command))
    command.refresh_from_db()
    assert command.state == CommandState.UPLOADED and command.capture.pk == receipt.id


def test_an_issued_name_is_good_for_one_picture():
    device = make_device("cam", profile="esp32s3")
    command = commands.capture(device)
    ingest(make_upload(device, make_jpeg(text="1"), name=command.name, command=command))
    with pytest.raises(Refused) as refused:
        ingest(make_upload(device, make_jpeg(text="2"), name=command.name, command=command))
    assert refused.value.word == "auth"
    assert Capture.objects.count() == 1


def test_two_pictures_of_one_batch_cannot_share_an_issued_name(settings):
    device = make_device("cam", profile="esp32s3")
    command = commands.capture(device)
    uploads = [make_upload(device, make_jpeg(text=t), name=command.name, command=command) for t in "12"]
    first, second = ingest_batch(uploads)
    assert first.new and second.word == "auth"
    assert len(files_in(settings.PICTURES_DIR)) == 1


def test_a_late_picture_does_not_answer_an_expired_command():
    device = make_device("cam")
    command = commands.capture(device)
    type(command).objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    ingest(make_upload(device, name=command.name))
    command.refresh_from_db()
    assert command.state == CommandState.QUEUED and not hasattr(command, "capture")


def test_a_mirror_that_is_set_up_gets_its_row(settings):
    settings.PHOTOHUB_MIRROR = "oss"
    receipt = ingest(make_upload(make_device()))
    assert OSSObject.objects.get(pk=receipt.id).state == MirrorState.PENDING


def test_the_device_is_heard_with_its_telemetry():
    device = make_device()
    ingest(make_upload(device, telemetry={"battery_mv": "3712", "rssi_dbm": "-61"}, sent_from="10.0.0.7"))
    device.refresh_from_db()
    assert (device.battery_mv, device.rssi_dbm, device.last_address) == (3712, -61, "10.0.0.7")
    assert device.online


def test_a_whole_batch_costs_as_many_queries_as_one_picture(django_assert_max_num_queries):
    device = make_device()
    ingest(make_upload(device, name="warm"))
    with django_assert_max_num_queries(28):
        ingest_batch([make_upload(device, name=f"n{i}") for i in range(10)])


def make_key(code: str) -> DeviceKey:
    return adding.add_device(code=code, name=code, profile="generic").device.keys.get()


@pytest.mark.parametrize("end", ["the key is revoked", "the device is switched off", "the device is removed"])
def test_whoever_is_refused_late_has_changed_nothing(end, settings):
    key, other = make_key("cam"), make_device("other")
    command = commands.capture(key.device)
    upload = make_upload(key.device, name=command.name, key_id=key.pk, telemetry={"battery_mv": "3712"})
    if end == "the key is revoked":
        identity.revoke_key(key)
    elif end == "the device is switched off":
        Device.objects.filter(pk=key.device_id).update(enabled=False)
    else:
        Device.objects.get(pk=key.device_id).delete()
    refused, good = ingest_batch([upload, make_upload(other)])
    sightings.write()
    assert refused.word == "auth" and good.new
    assert Command.objects.filter(state=CommandState.UPLOADED).count() == 0
    assert Device.objects.filter(battery_mv=3712).count() == 0 and len(files_in(settings.PICTURES_DIR)) == 1


def test_a_device_that_is_switched_off_is_refused_without_a_key_too():
    device = make_device("cam", allowed_network="10.0.0.0/8")
    Device.objects.update(enabled=False)
    with pytest.raises(Refused) as refused:
        ingest(make_upload(device, sent_from="10.0.0.7"))
    assert refused.value.word == "auth"


def test_a_repetition_inside_a_batch_costs_its_neighbours_nothing(settings, monkeypatch):
    device, placed = make_device(), []
    known = ingest(make_upload(device, name="known"))
    place = store.place
    monkeypatch.setattr(store, "place", lambda spools: (placed.append(len(spools)), place(spools)))
    uploads = [make_upload(device, name=name) for name in ("a", "known", "b")]
    first, again, second = ingest_batch(uploads)
    assert (first.new, again, second.new) == (True, Receipt(known.id, known.code, False), True)
    assert placed == [3] and len(files_in(settings.PICTURES_DIR)) == 3


@pytest.mark.django_db(transaction=True)
def test_a_picture_of_a_device_that_is_removed_in_this_moment_costs_nobody_else_his(monkeypatch):
    gone, other = make_device("gone"), make_device("other")
    look_up = lookups.look_up

    def look_up_and_remove(*asked):
        told = look_up(*asked)
        Device.objects.filter(code="gone").delete()
        return told

    monkeypatch.setattr(ingest_module.lookups, "look_up", look_up_and_remove)
    outcomes = ingest_batch([make_upload(gone), make_upload(other)])
    assert outcomes[0].word in ("auth", "db") and outcomes[1].new


def test_a_picture_s_transaction_changes_no_row_of_a_device():
    device, seen = make_device(), []
    upload = make_upload(device, telemetry={"battery_mv": "3712", "firmware_version": "2"})
    with connection.execute_wrapper(lambda execute, sql, *rest: (seen.append(sql), execute(sql, *rest))[1]):
        ingest_batch([upload])
    assert seen and not any('UPDATE "devices_device"' in sql for sql in seen)
    sightings.write()
    device = Device.objects.get()
    assert (device.battery_mv, device.firmware_version, device.online) == (3712, "2", True)


@pytest.mark.django_db(transaction=True)
def test_the_committer_stores_what_many_threads_hand_in():
    device = make_device()
    uploads = [make_upload(device, name=f"n{i}") for i in range(20)]
    futures = []
    threads = [threading.Thread(target=lambda u=u: futures.append(committer.submit(u))) for u in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({future.result(20).id for future in futures}) == 20
    committer.stop()
    assert Capture.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_eight_replays_at_once_make_one_capture():
    device = make_device()
    receipts = []

    def send():
        receipts.append(ingest(make_upload(device, make_jpeg(text="same"), name="a")))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 8 and len({r.id for r in receipts}) == 1
    assert [r.new for r in receipts].count(True) == 1


def break_the_commit(monkeypatch, *, after: bool) -> None:
    """Let the connection break at COMMIT: after it was done, or before."""

    def commit(uploads, fresh):
        if after:
            original(uploads, fresh)
        raise DatabaseError("the connection was lost at COMMIT")

    original = ingest_module._commit
    monkeypatch.setattr(ingest_module, "_commit", commit)


def test_when_the_commit_was_done_but_not_heard_of_the_file_stays(monkeypatch):
    device, data = make_device(), make_jpeg(text="unsure")
    break_the_commit(monkeypatch, after=True)
    with pytest.raises(Refused) as refused:
        ingest(make_upload(device, data, name="unsure"))
    assert refused.value.word == "db"
    monkeypatch.undo()
    receipt = ingest(make_upload(device, data, name="unsure"))
    assert not receipt.new
    assert store.full_path(Capture.objects.get(pk=receipt.id).path).read_bytes() == data


def test_when_the_commit_failed_the_file_goes(monkeypatch, settings):
    break_the_commit(monkeypatch, after=False)
    with pytest.raises(Refused):
        ingest(make_upload(make_device()))
    assert files_in(settings.PICTURES_DIR) == []


def test_while_the_database_is_away_files_stay_for_the_sweep(monkeypatch, settings):
    upload = make_upload(make_device())
    break_the_commit(monkeypatch, after=False)
    monkeypatch.setattr(ingest_module.Capture.everything, "filter", fail_when_asked_by_id)
    with pytest.raises(Refused):
        ingest(upload)
    assert len(files_in(settings.PICTURES_DIR)) == 1


def test_who_waited_for_a_connection_in_vain_does_not_wait_again(monkeypatch, settings):
    # With an old connection the wait comes at the commit, and once more would make it 4 s instead of the promised 2.
    def commit(uploads, fresh):
        raise OperationalError("couldn't get a connection after 2.00 sec") from PoolTimeout()

    asked: list[str] = []
    monkeypatch.setattr(db, "_away_until_s", 0.0)
    monkeypatch.setattr(ingest_module, "_commit", commit)
    with connection.execute_wrapper(lambda execute, sql, *rest: (asked.append(sql), execute(sql, *rest))[1]):
        upload = make_upload(make_device())
        asked.clear()
        with pytest.raises(Refused, match="database is away"):
            ingest(upload)
    assert asked == [] and len(files_in(settings.PICTURES_DIR)) == 1
    # Nor does he who comes next.
    with pytest.raises(OperationalError):
        db.require_database()


def fail_when_asked_by_id(**conditions):
    if "pk__in" in conditions:
        raise DatabaseError("away")
    return Capture.objects.none()
