"""The embedded form over real sockets: one process, its own broker, a camera with the published firmware."""

import asyncio
import json
import re
import time

import aiomqtt
import httpx
import pytest

from tests.faults.hub import change
from tests.flows.story import Visitor, board, link_in, tell_the_story, until
from tests.hub_process import HubProcess, running_hub

LOGIN = ("alice", "correct horse 9")


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": LOGIN[0], "DJANGO_SUPERUSER_PASSWORD": LOGIN[1]}
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        hub.first = hub.add_device("story", "esp32s3")
        yield hub


@pytest.fixture
async def visitor(hub):
    person = Visitor(hub.url, hub.token)
    yield person
    await person.api.aclose()


def client(hub: HubProcess, made: dict, **values) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1", hub.mqtt_port, username=made["code"], password=made["key"], timeout=5, **values
    )


async def running(camera):
    task = asyncio.create_task(camera.run())
    await asyncio.wait_for(camera.connected.wait(), 10)
    return task


async def test_a_camera_is_told_and_people_see_its_picture(hub):
    capture = await tell_the_story(hub.url, hub.mqtt_port, hub.token, LOGIN, hub.first)
    assert capture["device"] == "story" and capture["source"] == "http"
    assert capture["command"] and capture["sha256"] and capture["width"] == 320


async def test_the_first_seed_camera_gets_the_topics_of_its_firmware_and_the_second_its_own(hub, visitor):
    hub.add_device("second", "esp32s3")
    first, second = await visitor.device("story"), await visitor.device("second")
    assert (first["command_topic"], first["result_topic"]) == ("/light/deviceIn", "/light/deviceOut")
    assert second["command_topic"] == "photohub/second/command"


async def test_an_offline_camera_gets_its_command_when_it_comes_back(hub, visitor):
    made = hub.add_device("late", "esp32s3")
    command = (await visitor.api.post("/devices/late/capture", json={})).json()
    assert command["state"] == "queued"
    camera = board(hub.url, hub.mqtt_port, await visitor.device("late"), made)
    task = await running(camera)
    state = await until(lambda: state_if(visitor, command["id"], "uploaded"))
    assert state["sent_at"] and state["capture"]
    await camera.stop()
    await task


async def state_if(visitor, command_id: str, state: str) -> dict | None:
    command = (await visitor.api.get(f"/commands/{command_id}")).json()
    return command if command["state"] == state else None


async def test_a_command_nobody_hears_expires_with_the_reason(hub, visitor):
    hub.add_device("deaf", "esp32s3")
    command = (await visitor.api.post("/devices/deaf/capture", json={})).json()
    assert command["state"] == "queued"
    change(
        hub, "UPDATE devices_command SET expires_at = datetime(expires_at, '-1 hour') WHERE state = 'queued'"
    )
    ended = await until(lambda: state_if(visitor, command["id"], "expired"), 15)
    assert "never connected" in ended["reason"]


async def test_a_picture_that_the_hub_refuses_fails_the_command_with_the_cameras_words(hub, visitor):
    made = hub.add_device("refused", "esp32s3")
    device = await visitor.device("refused")
    async with client(hub, made) as camera:
        await camera.subscribe(device["command_topic"], qos=1)
        command = (await visitor.api.post("/devices/refused/capture", json={})).json()
        await asyncio.wait_for(anext(aiter(camera.messages)), 5)
        for piece in (b'{"code":1,"des":"the lens ', b'is dirty","err":"x"}'):
            await camera.publish(device["result_topic"], piece, qos=1)
        ended = await until(lambda: state_if(visitor, command["id"], "failed"))
    assert "the lens is dirty" in ended["reason"]


async def test_presence_follows_the_connection(hub, visitor):
    made = hub.add_device("presence", "esp32s3")
    async with client(hub, made):
        await until(lambda: online(visitor, "presence", True))
    await until(lambda: online(visitor, "presence", False))


async def online(visitor, code: str, wanted: bool) -> bool:
    return (await visitor.device(code))["online"] is wanted


async def test_a_device_reaches_only_its_own_topics(hub, visitor):
    spy, victim = hub.add_device("spy", "generic"), hub.add_device("victim", "generic")
    async with client(hub, spy) as thief, client(hub, victim) as camera:
        with pytest.raises(aiomqtt.MqttError):
            for granted in await thief.subscribe("photohub/victim/command"):
                raise aiomqtt.MqttError(f"refused: {granted}")
        await thief.publish("photohub/victim/status", b"offline", qos=1)
        await camera.subscribe("photohub/victim/command", qos=1)

        async def is_online() -> bool:
            return (await visitor.device("victim"))["online"]

        await until(is_online)


async def test_a_wrong_key_is_refused_by_the_broker(hub):
    hub.add_device("locked")
    with pytest.raises(aiomqtt.MqttError):
        async with client(hub, {"code": "locked", "key": "wrong"}):
            pass


async def test_a_revoked_key_loses_the_broker_within_ten_seconds(hub, visitor):
    made = hub.add_device("revoked")
    async with client(hub, made) as camera:
        begun = time.monotonic()
        answer = await visitor.api.delete(f"/devices/revoked/keys/{made['key'][:8]}")
        assert answer.status_code == 204
        with pytest.raises(aiomqtt.MqttError):
            async with asyncio.timeout(12):
                async for _ in camera.messages:
                    pass
        assert time.monotonic() - begun < 10


async def test_the_hub_publishes_for_a_device_that_does_not(hub, visitor):
    made = hub.add_device("quiet", "generic")
    person = aiomqtt.Client("127.0.0.1", hub.mqtt_port, username="alice", password=hub.token, timeout=5)
    async with person:
        await person.subscribe("photohub/quiet/result", qos=1)
        async with httpx.AsyncClient(trust_env=False) as camera:
            body = json.loads(
                (await camera.post(f"{hub.url}/api/upload/{made['key']}", content=picture())).content
            )
        message = await asyncio.wait_for(anext(aiter(person.messages)), 5)
    assert link_in(message.payload) == link_in(json.dumps(body).encode())


async def test_a_person_reads_results_over_a_websocket_as_the_mini_program_does(hub):
    port = int(hub.url.rpartition(":")[2])
    person = aiomqtt.Client(
        "127.0.0.1",
        port,
        transport="websockets",
        websocket_path="/mqtt",
        username="alice",
        password=hub.token,
        timeout=5,
    )
    async with person:
        granted = await person.subscribe("/light/deviceOut", qos=1)
    assert int(getattr(granted[0], "value", granted[0])) < 0x80


def picture() -> bytes:
    from_scene = board("", 0, {"command_topic": "", "result_topic": ""}, {"code": "", "key": ""}).scene
    return from_scene.jpeg(time.time(), 1)


def test_scripts_and_styles_are_sent_compressed(hub):
    with httpx.Client(base_url=hub.url, trust_env=False) as browser:
        page = browser.get("/login").text
        (style,) = set(re.findall(r"/static/css/base\.\w+\.css", page))
        plain = browser.get(style, headers={"Accept-Encoding": "identity"})
        packed = browser.get(style, headers={"Accept-Encoding": "gzip, br"})
    assert plain.text == packed.text and packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2
