"""Camera streams in the embedded form, over real sockets: every wire in, viewers and captures out."""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import aiomqtt
import httpx
import pytest
from django.template import Context, Engine

from simulators.k230 import K230, K230Config
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.builders import make_jpeg
from tests.flows.story import Visitor, until
from tests.flows.viewers import Counted, streaming, viewing
from tests.hub_process import ROOT, HubProcess, running_hub

LOGIN = ("alice", "correct horse 9")


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": LOGIN[0], "DJANGO_SUPERUSER_PASSWORD": LOGIN[1]}
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        yield hub


@pytest.fixture
async def visitor(hub):
    person = Visitor(hub.url, hub.token)
    yield person
    await person.api.aclose()


def stream_of(hub: HubProcess, code: str) -> str:
    return f"{hub.url}/devices/{code}/stream.mjpg"


def pi(hub: HubProcess, made: dict, *, hello: bool, fps: float = 10) -> RaspberryPi:
    key = made["key"] if hello else ""
    config = RaspberryPiConfig(port=hub.stream_port, code=made["code"], key=key, fps=fps)
    return RaspberryPi(config, Counted())


def k230(hub: HubProcess, made: dict, role: str, **values) -> K230:
    port = hub.stream_port if role == "client" else hub.mqtt_port
    config = K230Config(role=role, port=port, code=made["code"], key=made["key"], fps=5, **values)
    return K230(config, Counted())


async def captures(visitor: Visitor, code: str) -> list[dict]:
    return (await visitor.api.get("/captures", params={"device": code})).json()["items"]


async def is_online(visitor: Visitor, code: str) -> bool:
    return (await visitor.device(code))["online"]


async def test_two_viewers_get_every_frame_of_a_pi_that_says_hello(hub):
    made = hub.add_device("pi", "raspberry-pi")
    url = stream_of(hub, "pi")
    async with viewing(url, hub.token) as one, viewing(url, hub.token) as other:
        async with streaming(pi(hub, made, hello=True, fps=4)) as camera:
            # It begins with a burst, as it is late at first; of a burst viewers get the newest only.
            await until(lambda: camera.counters["frame"] >= 16)
            sent = camera.scene.frames[8:14]
            await until(lambda: sent[-1] in one.frames and sent[-1] in other.frames)
    assert [f for f in one.frames if f in sent] == [f for f in other.frames if f in sent] == sent


async def test_a_pi_as_published_is_known_by_its_network_and_goes_offline_when_it_ends(hub, visitor):
    made = hub.add_device("published", "raspberry-pi")
    network = {"allowed_network": "127.0.0.1/32"}
    assert (await visitor.api.patch("/devices/published", json=network)).status_code == 200
    async with (
        viewing(stream_of(hub, "published"), hub.token) as viewer,
        streaming(pi(hub, made, hello=False)) as camera,
    ):
        await until(lambda: set(camera.scene.frames) & set(viewer.frames), 15)
        assert await is_online(visitor, "published")
    await until(lambda: is_offline(visitor, "published"), 15)
    await visitor.api.patch("/devices/published", json={"allowed_network": ""})


async def test_a_shared_live_view_ends_within_ten_seconds_after_it_is_withdrawn(hub, visitor):
    made = hub.add_device("shared", "raspberry-pi")
    link = (await visitor.api.post("/shares", json={"device": "shared"})).json()
    url = f"{hub.url}/s/{link['code']}/live.mjpg"
    async with streaming(pi(hub, made, hello=True)) as camera, viewing(url, "") as stranger:
        await until(lambda: set(camera.scene.frames) & set(stranger.frames), 15)
        assert (await visitor.api.delete(f"/shares/{link['code']}")).status_code == 204
        await until(lambda: stranger.ended, 10)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 404


async def is_offline(visitor: Visitor, code: str) -> bool:
    return not await is_online(visitor, code)


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("client", {"framing": "decimal"}),
        ("client", {"framing": "letters"}),
        ("client", {"framing": "single"}),
        ("mqtt", {"payload": "raw"}),
        ("mqtt", {"payload": "header"}),
        ("mqtt", {"payload": "parts", "part_bytes": 1500}),
    ],
)
async def test_a_k230_is_seen_on_each_of_its_wires(hub, visitor, role, values):
    code = f"k230-{'-'.join(str(v) for v in values.values())}"
    made = hub.add_device(code, "k230")
    topic = (await visitor.device(code))["frame_topic"]
    async with (
        viewing(stream_of(hub, code), hub.token) as viewer,
        streaming(k230(hub, made, role, topic=topic, **values)) as camera,
    ):
        await until(lambda: len(set(camera.scene.frames) & set(viewer.frames)) > 2)
        pictures = await until(lambda: captures(visitor, code))
    assert pictures[0]["source"] == ("tcp" if role == "client" else "mqtt")


async def test_a_stream_becomes_captures_by_its_policy_and_none_otherwise(hub, visitor):
    made = hub.add_device("policy", "raspberry-pi")
    async with streaming(pi(hub, made, hello=True)) as camera:
        await until(lambda: camera.counters["frame"] > 5)
        assert await captures(visitor, "policy") == []
        await visitor.api.patch("/devices/policy", json={"stream_policy": "interval:1"})
        pictures = await until(lambda: enough(visitor, "policy", 2), 15)
    assert {p["source"] for p in pictures} == {"tcp"}


async def enough(visitor: Visitor, code: str, count: int) -> list[dict] | None:
    found = await captures(visitor, code)
    return found if len(found) >= count else None


async def test_a_device_that_is_switched_off_is_put_out_and_its_viewers_too(hub, visitor):
    made = hub.add_device("off", "raspberry-pi")
    async with (
        viewing(stream_of(hub, "off"), hub.token) as viewer,
        streaming(pi(hub, made, hello=True)) as camera,
    ):
        await until(lambda: set(camera.scene.frames) & set(viewer.frames))
        await visitor.api.patch("/devices/off", json={"enabled": False})
        await until(lambda: camera._finished.is_set())
        await until(lambda: viewer.ended, 12)


async def test_the_default_stream_is_the_only_one_that_a_person_may_see(hub, visitor):
    made = hub.add_device("alone", "raspberry-pi")
    for device in (await visitor.api.get("/devices")).json()["items"]:
        await visitor.api.patch(f"/devices/{device['code']}", json={"enabled": device["code"] == "alone"})
    async with streaming(pi(hub, made, hello=True)) as camera:
        await until(lambda: camera.counters["frame"] > 2)
        async with viewing(f"{hub.url}/stream.mjpg", hub.token) as viewer:
            await until(lambda: set(camera.scene.frames) & set(viewer.frames))


async def test_a_stranger_sees_nothing(hub):
    hub.add_device("secret", "raspberry-pi")
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(stream_of(hub, "secret"))).status_code == 401
        assert (await stranger.get(f"{hub.url}/stream.mjpg")).status_code == 401
        known = {"authorization": f"Bearer {hub.token}"}
        assert (await stranger.get(stream_of(hub, "nobody"), headers=known)).status_code == 404


async def test_a_wrong_key_is_put_out(hub):
    hub.add_device("locked-pi", "raspberry-pi")
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.stream_port)
    writer.write(b"PHOTOHUB locked-pi " + b"x" * 43 + b"\n" + b"\0\0\0\0")
    async with asyncio.timeout(10):
        assert await was_closed(reader)
    writer.close()


async def was_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


async def test_a_file_in_pieces_over_mqtt_becomes_a_capture_and_is_answered(hub, visitor):
    made = hub.add_device("pieces", "generic")
    picture, base = make_jpeg(text="pieces"), "photohub/pieces/file/f1"
    async with aiomqtt.Client("127.0.0.1", hub.mqtt_port, username="pieces", password=made["key"]) as camera:
        await camera.subscribe(f"{base}/response", qos=1)
        await camera.publish(f"{base}/init", json.dumps({"name": "door", "size": len(picture)}), qos=1)
        for at in range(0, len(picture), 400):
            await camera.publish(f"{base}/{at}", picture[at : at + 400], qos=1)
        await camera.publish(f"{base}/fin/{len(picture)}", b"", qos=1)
        said = [json.loads(m.payload) async for m in first(camera.messages, 2 + -(-len(picture) // 400))]
    assert {answer["reason_code"] for answer in said} == {0}
    assert [c["name"] for c in await captures(visitor, "pieces")] == ["door"]


async def first(messages, count: int):
    async with asyncio.timeout(10):
        while count:
            yield await anext(aiter(messages))
            count -= 1


async def test_the_next_frame_is_kept_when_somebody_asks(hub, visitor):
    made = hub.add_device("keeps", "raspberry-pi")
    assert (await visitor.api.post("/devices/keeps/keep")).status_code == 409
    async with streaming(pi(hub, made, hello=True)) as camera:
        await until(lambda: camera.counters["frame"] > 2)
        await until(lambda: was_taken(visitor, "keeps"))
        [kept] = await until(lambda: captures(visitor, "keeps"))
        picture = await visitor.api.get(hub.url + urlsplit(kept["file_url"]).path)
    assert picture.content in camera.scene.frames


async def was_taken(visitor: Visitor, code: str) -> bool:
    return (await visitor.api.post(f"/devices/{code}/keep")).status_code == 202


async def test_a_board_that_is_a_server_is_fetched_and_let_go(hub, visitor):
    hub.add_device("server", "k230")
    board = K230(K230Config(role="server", port=0, fps=5, framing="decimal"), Counted())
    async with streaming(board), viewing(stream_of(hub, "server"), hub.token) as viewer:
        await asyncio.wait_for(board.listening.wait(), 5)
        await visitor.api.patch("/devices/server", json={"pull_url": f"tcp://127.0.0.1:{board.port}"})
        await until(lambda: set(board.scene.frames) & set(viewer.frames), 15)
        await until(lambda: is_online(visitor, "server"))
        await visitor.api.patch("/devices/server", json={"pull_url": ""})
        await until(lambda: is_offline(visitor, "server"), 15)


# What the boards have and a computer has not.
K230_STUBS = """
import sys, time, types
from pathlib import Path
for name in ("media", "media.media", "media.sensor"):
    sys.modules[name] = types.ModuleType(name)
class Sensor:
    RGB565 = 1
    reset = run = set_framesize = set_pixformat = lambda self, *_, **__: None
    def snapshot(self):
        return types.SimpleNamespace(compressed=lambda quality: Path(sys.argv[1]).read_bytes())
sys.modules["media.sensor"].Sensor = Sensor
sys.modules["media.media"].MediaManager = types.SimpleNamespace(init=lambda: None)
time.sleep_ms = lambda ms: time.sleep(ms / 1000)
"""


@pytest.mark.parametrize(("profile", "slug"), [("raspberry-pi", "stream"), ("k230", "k230")])
async def test_the_program_of_the_connect_tab_streams(hub, tmp_path, profile, slug):
    made = hub.add_device(f"tab-{slug}", profile)
    program, picture = tmp_path / "program.py", tmp_path / "picture.jpg"
    picture.write_bytes(make_jpeg(text=slug))
    program.write_text((K230_STUBS if slug == "k230" else "") + program_of(hub, made, slug))
    process = await asyncio.create_subprocess_exec(sys.executable, str(program), str(picture))
    try:
        async with viewing(stream_of(hub, made["code"]), hub.token) as viewer:
            await until(lambda: picture.read_bytes() in viewer.frames, 15)
    finally:
        process.kill()
        await process.wait()


def program_of(hub: HubProcess, made: dict, slug: str) -> str:
    """Return the program as the tab shows it, with this hub's addresses."""
    text = (ROOT / f"templates/devices/setup/snippets/{slug}.txt").read_text()
    values = {"stream_host": '"127.0.0.1"', "stream_port": hub.stream_port}
    values |= {"code": json.dumps(made["code"]), "key": json.dumps(made["key"])}
    return Engine().from_string(text).render(Context(values, autoescape=False))


def test_the_banner_tells_where_streams_go(hub):
    assert f":{hub.stream_port}" in hub.log.split("Stream ", 1)[1].splitlines()[0]
