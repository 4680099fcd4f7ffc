"""Pictures on their way to panels, films in the making, alerts on their way: what a kill interrupted the next hub does."""

import asyncio
import os

import httpx

from tests.builders import make_jpeg
from tests.faults.hub import assert_killed_at, change, wait_until
from tests.flows.panels import BoardPanel, connected
from tests.flows.story import Visitor
from tests.hub_process import HubProcess, running_hub
from tests.media_pipeline.alerts.receivers import http_receiver

DELIVERY_POINTS = ["delivery.begun", "delivery.acked"]
ALERT_POINTS = ["alert.claimed", "alert.sent"]
FILM_POINTS = ["timelapse.claimed", "timelapse.segment", "timelapse.placed"]
OWNER = {"DJANGO_SUPERUSER_USERNAME": "alice", "DJANGO_SUPERUSER_PASSWORD": "correct horse 9"}
PAST = "datetime('now', '-1 hour')"
FILM = "SELECT state, frames_done, size_bytes FROM media_pipeline_timelapse"


def state_of_film(hub: HubProcess) -> str:
    return hub.rows(FILM)[0]["state"]


async def test_a_picture_to_a_panel_survives_a_kill_at_every_step():
    picture = make_jpeg() + os.urandom(20_000)
    with running_hub(env=OWNER) as hub:
        visitor = Visitor(hub.url, hub.console.run("api_token", "alice").strip())
        made = (await visitor.api.post("/devices", json={"code": "hall", "profile": "panel"})).json()
        device = await visitor.device("hall")
        files = {"file": ("hall.jpg", picture, "image/jpeg")}
        pushed = await visitor.api.post("/devices/hall/deliveries", files=files, data={"render": "none"})
        assert pushed.status_code == 202, pushed.text
        panel = BoardPanel()
        # The other way round: after the first try the hub keeps quiet for 5 s before it sends.
        for point in reversed(DELIVERY_POINTS):
            hub.stop()
            hub.start(PHOTOHUB_FAIL=f"{point}:kill")
            async with connected(panel, hub.mqtt_port, device, made):
                await asyncio.to_thread(assert_killed_at, hub, point)
        hub.start()
        async with connected(panel, hub.mqtt_port, device, made):
            query = "SELECT state FROM devices_delivery"
            await asyncio.to_thread(
                wait_until, lambda: hub.rows(query)[0]["state"] == "delivered", 60, "it arrived"
            )
        await visitor.api.aclose()
    assert panel.receiver.picture == picture and panel.receiver.counters["mixed"] == 0


def test_a_film_survives_a_kill_at_every_step():
    with running_hub(env=OWNER) as hub:
        camera = hub.add_device("yard")
        for number in range(3):
            sent = httpx.post(
                f"{hub.url}/api/upload/{camera['key']}",
                content=make_jpeg(text=str(number)),
                headers={"Name-Pic": f"p{number}"},
            )
            assert sent.status_code == 200, sent.text
        hub.stop()
        ask = (
            "from devices.registry.models import Device; from media_pipeline.time_lapses import queue as t;"
            "t.ask_for(t.Wish(device=Device.objects.get(code='yard')))"
        )
        hub.run("shell", "-c", ask)
        for point in FILM_POINTS:
            hub.launch(PHOTOHUB_FAIL=f"{point}:kill")
            assert_killed_at(hub, point)
            change(hub, f"UPDATE media_pipeline_timelapse SET lease_until={PAST}, next_try_at={PAST}")
        hub.start()
        wait_until(lambda: state_of_film(hub) == "ready", 60, "the film is ready")
        row = hub.rows(FILM)[0]
        film = next((hub.data).rglob("*.mp4"))
        assert row["frames_done"] == 3 and film.stat().st_size == row["size_bytes"]


TELL = """
from django.contrib.auth import get_user_model
from media_pipeline.alerts import queue, rules
from media_pipeline.alerts.channels import rules as channels
from photohub.lib.pages.sentences import said
alice = get_user_model().objects.get(username="alice")
channel = channels.add_webhook(alice, "hook", "{url}", "en", for_hub=False)
rule = rules.save_rule({{"kind": "hub"}}, [channel], alice)
queue.begin(rule, "test", said("Yes"))
"""


def test_an_alert_survives_a_kill_at_every_step_and_can_be_told_from_another():
    sent = "SELECT state, attempts FROM media_pipeline_alertmessage"
    with http_receiver() as receiver, running_hub(env=OWNER) as hub:
        hub.stop()
        hub.run("shell", "-c", TELL.format(url=receiver.url))
        for point in ALERT_POINTS:
            hub.launch(PHOTOHUB_FAIL=f"{point}:kill")
            assert_killed_at(hub, point)
            change(hub, f"UPDATE media_pipeline_alertmessage SET next_try_at={PAST}")
        hub.start()
        wait_until(
            lambda: hub.rows(sent)[0]["state"] == "sent", 60, "the alert is sent", lambda: hub.rows(sent)
        )
    # Once before the second kill, and once after it, under one name.
    assert len(receiver.calls) == 2 and len({call.headers["webhook-id"] for call in receiver.calls}) == 1
