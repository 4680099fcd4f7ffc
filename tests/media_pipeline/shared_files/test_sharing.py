"""What one machine drew or was given, another one hands out: from the object store, else from that machine."""

import pytest

from devices.firmware import images
from devices.firmware.errors import FirmwareAway, FirmwareBroken
from devices.firmware.models import Firmware, FirmwareState
from devices.firmware.rollouts.models import RolloutState
from devices.panels.sources import outbox
from media_pipeline.shared_files import keeping, sharing
from media_pipeline.shared_files.models import SharedFile
from tests.devices.firmware.builders import IMAGE, flip_byte, make_devices, make_firmware, make_rollout, store
from tests.fakes.oss_server import FakeOSS
from tests.media_pipeline.shared_files.machines import Two, is_there
from tests.media_pipeline.shared_files.machines import two as two

pytestmark = pytest.mark.django_db


def test_a_picture_drawn_on_one_machine_is_read_on_the_other_without_the_first(two: Two):
    with two.at("a"):
        sha256 = outbox.keep(b"drawn")
    assert two.oss.objects[f"shared/panel/{sha256}"].body == b"drawn"
    two.stopped.add("a")
    with two.at("b"):
        assert outbox.read(sha256) == b"drawn" and is_there(sha256)
        # From now on it is here.
        two.oss.objects.clear()
        assert outbox.read(sha256) == b"drawn"
    assert two.asked == []


def test_while_the_object_store_is_away_the_machine_itself_is_asked_and_the_sweep_copies_later(two: Two):
    two.oss.fail(times=None)
    with two.at("a"):
        sha256 = outbox.keep(b"drawn")
        assert keeping.store_waiting() == 0
    with two.at("b"):
        assert outbox.read(sha256) == b"drawn"
    assert two.asked == ["a"] and not two.keys()
    two.heal()
    with two.at("b"):
        assert keeping.store_waiting() == 0
    with two.at("a"):
        assert keeping.store_waiting() == 1 and keeping.store_waiting() == 0
    assert two.keys() == {f"shared/panel/{sha256}"}


def test_what_is_away_is_told_from_what_is_gone(two: Two):
    two.oss.fail(times=None)
    with two.at("a"):
        sha256 = outbox.keep(b"drawn")
    with two.at("b"):
        two.stopped.add("a")
        with pytest.raises(outbox.BlobAway):
            outbox.read(sha256)
        two.stopped.clear()
        with pytest.raises(outbox.BlobMissing) as missing:
            outbox.read("00" * 32)
        assert not isinstance(missing.value, outbox.BlobAway)


def test_bytes_that_are_not_those_of_the_hash_are_never_handed_out(two: Two):
    with two.at("a"):
        sha256, other = outbox.keep(b"drawn"), outbox.keep(b"other")
    two.oss.objects[f"shared/panel/{sha256}"] = two.oss.objects[f"shared/panel/{other}"]
    with two.at("b"):
        assert outbox.read(sha256) == b"drawn"
        outbox.path_of(sha256).write_bytes(b"damaged")
        assert outbox.read(sha256) == b"drawn" and outbox.path_of(sha256).read_bytes() == b"drawn"


def test_a_copy_that_is_gone_is_put_again_by_whoever_has_the_file(two: Two):
    with two.at("a"):
        sha256 = outbox.keep(b"drawn")
    two.oss.objects.clear()
    with two.at("b"):
        assert outbox.read(sha256) == b"drawn"
    with two.at("a"):
        assert keeping.store_waiting() == 1
    assert two.keys() == {f"shared/panel/{sha256}"}


def test_what_was_drawn_once_is_not_drawn_again_elsewhere(two: Two):
    with two.at("a"):
        sha256 = outbox.keep(b"drawn")
    with two.at("b"):
        assert outbox.still_has(sha256) and not outbox.still_has("00" * 32)


def test_a_store_that_does_not_answer_is_asked_now_and_then(two: Two):
    two.oss.fail(times=None)
    with two.at("a"):
        for number in range(5):
            outbox.keep(b"%d" % number)
    assert sum(two.oss.counts.values()) == 1


def test_a_hub_with_one_machine_has_no_row_and_asks_nobody(two: Two, django_assert_num_queries):
    with django_assert_num_queries(0):
        sha256 = outbox.keep(b"drawn")
        assert outbox.still_has(sha256) and outbox.read(sha256) == b"drawn"
        with pytest.raises(outbox.BlobMissing):
            outbox.read("00" * 32)
        assert keeping.store_waiting() == 0 and keeping.drop_unused({}) == 0
    store()
    assert not SharedFile.objects.exists() and not sum(two.oss.counts.values()) and not two.asked


# --- firmware ---


def test_an_image_is_served_by_the_other_machine_without_the_first(two: Two):
    with two.at("a"):
        row = make_firmware()
    two.stopped.add("a")
    with two.at("b"):
        assert images.verified_bytes(row) == IMAGE
        two.oss.stop()
        assert images.path_of(row.sha256).read_bytes() == IMAGE and images.verified_bytes(row) == IMAGE
    assert two.asked == []


def test_an_image_that_the_object_store_does_not_take_is_not_stored(two: Two):
    two.oss.fail(times=None)
    with two.at("a"):
        with pytest.raises(FirmwareAway) as refused:
            store()
        assert refused.value.word == "store"
        assert not Firmware.objects.exists() and not list(images.path_of("x").parent.glob("[!.]*"))
        two.heal()
        assert store().sha256 in "".join(two.keys())


def test_a_damaged_image_on_one_disk_is_fetched_anew_and_stops_no_rollout(two: Two):
    with two.at("a"):
        row = make_firmware()
        rollout = make_rollout(make_devices(1), row)
        flip_byte(row)
        images._cache.forget(row.sha256)
        assert images.verified_bytes(row) == IMAGE == images.path_of(row.sha256).read_bytes()
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.RUNNING


def test_an_image_is_broken_when_nobody_has_it_and_away_while_somebody_may(two: Two):
    with two.at("a"):
        row = make_firmware()
    two.stopped.add("a")
    two.oss.fail(times=None)
    with two.at("b"):
        with pytest.raises(FirmwareAway):
            images.verified_bytes(row)
        row.refresh_from_db()
        assert row.state == FirmwareState.PUBLISHED
        assert [name for _kind, name in images.find_damage(deep=True)] == []
        two.heal()
        two.stopped.clear()
        two.oss.objects.clear()
        (two.folder / "a" / "firmware" / row.sha256).unlink()
        with pytest.raises(FirmwareBroken):
            images.verified_bytes(row)


def test_keys_are_read_as_they_are_written():
    for kind in ("firmware", "panel"):
        assert sharing.read_key(sharing.key_of(kind, "00" * 32)) == (kind, "00" * 32)


def test_the_bucket_judges_signatures(two: Two, settings):
    settings.OSS_ACCESS_KEY_SECRET = "another"
    with two.at("a"):
        sha256 = outbox.keep(b"drawn")
    assert isinstance(two.oss, FakeOSS) and not two.keys()
    assert not SharedFile.objects.get(pk=sharing.key_of("panel", sha256)).stored_at
