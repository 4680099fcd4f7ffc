"""A mirror in trouble: uploads go on as fast as ever, and everything is copied when it is mended."""

import pytest

from tests.fakes.oss_server import FakeOSS
from tests.faults.hub import check, hub_with_camera, mirror_states, wait_until
from tests.faults.ledger import Ledger
from tests.hub_process import HubProcess

PER_SECOND = 20


def send_some(ledger: Ledger, count: int = 30) -> float:
    """Send pictures at an even pace; return the 99th percentile of the answers' times."""
    since = len(ledger.entries)
    with ledger.load(senders=3, per_second=PER_SECOND):
        ledger.wait_for(count)
    return ledger.p99_s(since)


def assert_all_mirrored(hub: HubProcess, ledger: Ledger, oss: FakeOSS, within_s: float = 60) -> None:
    mirrored = mirror_states(hub).get("mirrored", 0)
    # Cameras go on: the pictures that they send find out that the mirror answers again.
    with ledger.load(senders=1, per_second=4):
        wait_until(
            lambda: mirror_states(hub).get("mirrored", 0) > mirrored, within_s, "the mirror is used again"
        )
    wait_until(lambda: mirror_states(hub).keys() == {"mirrored"}, within_s, "everything is mirrored")
    pictures = sorted(entry.data for entry in ledger.entries if entry.outcome == "ok")
    assert sorted(o.body for o in oss.objects.values()) == pictures
    check(hub, ledger)


def notices(hub: HubProcess) -> list[str]:
    return [
        row["sentence"]
        for row in hub.rows("SELECT sentence FROM devices_event WHERE type='notice' AND problem=1")
    ]


@pytest.mark.measures_time("answers are compared with those of a moment before")
def test_while_the_mirror_is_broken_in_every_way_uploads_go_on_and_nothing_is_missing_later():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        usual_s = send_some(ledger)
        oss.fail(status=503, times=15)
        oss.wrong_crc(times=3)
        oss.accept_then_drop(times=3)
        oss.latency_s = 0.5
        slow_s = send_some(ledger)
        oss.stop()
        away_s = send_some(ledger)
        oss.heal()
        oss.start()
        assert_all_mirrored(hub, ledger, oss)
        assert max(slow_s, away_s) < max(0.25, usual_s * 2)


@pytest.mark.measures_time("answers are compared with those of a moment before")
def test_a_mirror_that_hangs_does_not_stop_uploads():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        usual_s = send_some(ledger)
        oss.hang()
        hanging_s = send_some(ledger)
        wait_until(lambda: mirror_states(hub).get("uploading"), 10, "a copy hangs")
        oss.heal()
        oss.stop()
        oss.start()
        assert hanging_s < max(0.25, usual_s * 2)
        assert_all_mirrored(hub, ledger, oss, within_s=90)


@pytest.mark.long
def test_a_mirror_that_goes_on_hanging_does_not_stop_thumbnails():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        oss.hang()
        send_some(ledger)
        wait_until(lambda: mirror_states(hub).get("uploading"), 10, "a copy hangs")
        # Both of the worker's threads may be at a copy that hangs, until it times out.
        without = "SELECT 1 FROM media_pipeline_capture WHERE thumbnail_state = 'pending'"
        wait_until(lambda: not hub.rows(without), 45, "all thumbnails are made")


def test_a_wrong_key_is_one_alarm_and_few_tries_and_mends_itself():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        send_some(ledger, 5)
        wait_until(lambda: mirror_states(hub).keys() == {"mirrored"}, 20, "the first are mirrored")
        oss.counts.clear()
        oss.fail(status=403, code="InvalidAccessKeyId")
        send_some(ledger)
        wait_until(lambda: mirror_states(hub).get("blocked"), 20, "the mirror is blocked")
        assert len(notices(hub)) == 1
        assert oss.counts["PUT"] <= 10
        oss.heal()
        assert_all_mirrored(hub, ledger, oss, within_s=65)
