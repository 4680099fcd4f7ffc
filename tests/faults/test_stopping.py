"""SIGTERM: what is under way is finished or lost to nobody, and the hub ends in order and in time."""

import time

from tests.fakes.oss_server import FakeOSS
from tests.faults.hub import check, hub_with_camera, incoming, wait_until
from tests.faults.rounds import rounds

STOPPED_S = 10.0


def test_a_stop_under_load_answers_what_is_under_way_and_loses_nothing():
    with hub_with_camera() as (hub, ledger):
        for _ in range(rounds(1)):
            with ledger.load(senders=8):
                ledger.wait_for(20)
                begun = time.monotonic()
                assert hub.stop() == 0
                assert time.monotonic() - begun < STOPPED_S
            hub.start()
        assert check(hub, ledger) == []
        # Whom the hub did not answer, it had not begun to serve: nothing of his was stored before.
        assert not [e.name for e in ledger.entries if e.answer.get("dup")]


def test_pictures_that_wait_for_a_slow_disk_while_the_hub_stops_are_whole_or_absent():
    with hub_with_camera(env={"PHOTOHUB_FAIL": "ingest.written:sleep:6@1"}) as (hub, ledger):
        with ledger.load(senders=6, size_bytes=30_000):
            wait_until(lambda: incoming(hub), 20, "a picture waits for the disk")
            begun = time.monotonic()
            assert hub.stop() == 0
            assert time.monotonic() - begun < STOPPED_S
        del hub.env["PHOTOHUB_FAIL"]
        hub.start()
        assert check(hub, ledger) == [] and not incoming(hub)


def test_a_stop_does_not_wait_for_a_mirror_that_hangs():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        oss.hang()
        ledger.send_now(*(ledger.new_entry() for _ in range(5)))
        begun = time.monotonic()
        assert hub.stop() == 0
        assert time.monotonic() - begun < STOPPED_S
        hub.start()
        check(hub, ledger)
