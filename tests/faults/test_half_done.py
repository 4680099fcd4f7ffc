"""Nothing stays half-done: what a kill interrupted is finished by the next hub, once."""

import contextlib
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest

from tests.fakes.oss_server import FakeOSS
from tests.faults.hub import (
    assert_killed_at,
    check,
    hub_with_camera,
    let_an_hour_pass,
    mirror_states,
    wait_until,
)
from tests.hub_process import HubProcess

AFTER_POINTS = [
    "mirror.claimed",
    "mirror.put",
    "mirror.recorded",
    "thumbnail.claimed",
    "thumbnail.written",
    "publish.claimed",
    "publish.published",
]
REMOVAL_POINTS = ["removal.queued", "removal.begun", "removal.files_gone", "removal.copy_gone"]
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}
LATER_POINTS = AFTER_POINTS + REMOVAL_POINTS

DELETE_ALL = """
from django.contrib.auth import get_user_model
from media_pipeline.maintenance import deleting
from media_pipeline.models import Capture
owner = get_user_model().objects.filter(is_superuser=True).first()
owner = owner or get_user_model().objects.create_superuser("ada")
deleting.delete_captures(owner, Capture.objects.all())
deleting.remove_all(deleting.due())
"""


def owed(hub: HubProcess) -> list:
    return hub.rows("""
        SELECT c.name, c.thumbnail_state, c.publish_state, o.state FROM media_pipeline_capture c
        JOIN media_pipeline_ossobject o ON o.capture_id = c.id
        WHERE c.thumbnail_state != 'done' OR c.publish_state = 'pending' OR o.state != 'mirrored'""")


@contextlib.contextmanager
def somebody_listens(hub: HubProcess) -> Iterator[None]:
    """Let a program listen for links, and come back after each end of the hub: else nothing is to be published."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.username_pw_set("ada", hub.run("api_token", "ada").split()[-1])
    client.on_connect = lambda *_: client.subscribe("photohub/porch/result", 1)
    client.reconnect_delay_set(1, 1)
    client.connect_async("127.0.0.1", hub.mqtt_port)
    client.loop_start()
    try:
        yield
    finally:
        client.loop_stop()


def test_work_that_a_kill_interrupted_is_finished_after_the_restart():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings() | OWNER) as (hub, ledger):
        with somebody_listens(hub):
            hub.stop()
            for point in AFTER_POINTS:
                hub.launch(PHOTOHUB_FAIL=f"{point}:kill")
                with ledger.load(senders=1, per_second=4):
                    assert_killed_at(hub, point)
        let_an_hour_pass(hub)
        hub.start()
        wait_until(lambda: not owed(hub), 30, "everything is done", lambda: [tuple(row) for row in owed(hub)])
        check(hub, ledger)
        wait_until(lambda: mirror_states(hub).keys() == {"mirrored"}, 10, "replays are mirrored")
        pictures = [entry.data for entry in ledger.entries if entry.outcome == "ok"]
        assert sorted(o.body for o in oss.objects.values()) == sorted(pictures)


def test_what_waits_is_begun_as_soon_as_the_next_hub_is_ready():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        oss.stop()
        ledger.send_now(ledger.new_entry())
        hub.stop()
        oss.start()
        let_an_hour_pass(hub)
        hub.start()
        # The sweeper's own first turn comes 10 s after the start.
        wait_until(lambda: mirror_states(hub) == {"mirrored": 1}, 7, "the picture is mirrored")


def test_a_deletion_that_a_kill_interrupted_is_finished_after_the_restart():
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        ledger.send_now(*(ledger.new_entry() for _ in range(3)))
        wait_until(lambda: mirror_states(hub) == {"mirrored": 3}, 20, "all are mirrored")
        hub.stop()
        for point in REMOVAL_POINTS:
            with pytest.raises(RuntimeError, match="ended with -9"):
                hub.run("shell", "-c", DELETE_ALL, PHOTOHUB_FAIL=f"{point}:kill")
        let_an_hour_pass(hub)
        hub.start()
        wait_until(lambda: not hub.rows("SELECT * FROM media_pipeline_removal"), 30, "all removals are done")
        assert not hub.rows("SELECT * FROM media_pipeline_capture")
        assert not [path for path in (hub.data / "pictures").rglob("*") if path.is_file()]
        assert not oss.objects
