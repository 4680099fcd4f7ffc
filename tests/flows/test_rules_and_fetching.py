"""Rules, panels that fetch, and TRMNL panels in the embedded form, over real sockets."""

import io
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from simulators.trmnl import Trmnl, TrmnlConfig
from tests.builders import make_jpeg
from tests.faults.hub import change
from tests.flows.panels import BoardPanel, connected
from tests.flows.story import Visitor, until
from tests.hub_process import running_hub

LOGIN = ("alice", "correct horse 9")
ADDRESS = "94:A9:90:8C:6D:18"
FETCHES = {"picture_topic": "", "picture_ack_topic": ""}


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": LOGIN[0], "DJANGO_SUPERUSER_PASSWORD": LOGIN[1]}
    with running_hub(env=env) as hub:
        hub.token = hub.console.run("api_token", "alice").strip()
        yield hub


@pytest.fixture
async def visitor(hub):
    person = Visitor(hub.url, hub.token)
    person.api.headers["Connection"] = "close"
    yield person
    await person.api.aclose()


async def add(visitor: Visitor, code: str, profile: str = "panel", **values) -> dict:
    answer = await visitor.api.post("/devices", json={"code": code, "profile": profile, **values})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def upload(hub, camera: dict, picture: bytes, name: str) -> None:
    headers = {"X-Device-Key": camera["key"], "Name-Pic": name}
    async with httpx.AsyncClient() as web:
        assert (await web.post(f"{hub.url}/api/upload", content=picture, headers=headers)).json()["code"] == 0


async def make_rule(visitor: Visitor, name: str, camera: str, *panels: str, **values) -> dict:
    body = {"name": name, "camera": camera, "panels": list(panels), **values}
    answer = await visitor.api.post("/rules", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def state_of(visitor: Visitor, code: str) -> str:
    """Return the state of the newest delivery, or nothing before the worker has made one."""
    items = (await visitor.api.get(f"/devices/{code}/deliveries")).json()["items"]
    return items[0]["state"] if items else ""


async def test_a_cameras_picture_appears_on_a_panel_by_a_rule(hub, visitor):
    made, camera = await add(visitor, "hall"), await add(visitor, "yard", "generic")
    rule = await make_rule(visitor, "Yard", "yard", "hall", render="none")
    async with connected(BoardPanel(), hub.mqtt_port, await visitor.device("hall"), made) as panel:
        await upload(hub, camera, make_jpeg(text="visitor"), "bell")
        await until(lambda: panel.receiver.picture == make_jpeg(text="visitor"), within_s=20)
    (run,) = (await visitor.api.get(f"/rules/{rule['id']}/runs")).json()["items"]
    assert run["state"] == "shown" and len(run["deliveries"]) == 1


async def test_a_trmnl_panel_sets_itself_up_and_shows_what_a_rule_sends(hub, visitor):
    await add(visitor, "desk", panel={"hardware_address": ADDRESS})
    camera = await add(visitor, "door", "generic")
    await make_rule(visitor, "Door", "door", "desk", caption="{camera}")
    panel = Trmnl(TrmnlConfig(hub.url, ADDRESS))
    await panel.wake()
    assert panel.friendly_id == "desk" and len(panel.screen) == 48_062 and not panel.counters["cannot draw"]
    await upload(hub, camera, make_jpeg(640, 480, text="postman"), "bell")

    async def sent() -> bool:
        (await panel.wake())
        return (await state_of(visitor, "desk")) == "delivered"

    await until(sent, within_s=20)
    assert Image.open(io.BytesIO(panel.screen)).size == (800, 480) and panel.counters["cannot draw"] == 0
    assert (await visitor.device("desk"))["battery_mv"] == 4050


async def test_a_stranger_is_told_what_to_do(hub, visitor):
    panel = Trmnl(TrmnlConfig(hub.url, "94:A9:90:8C:6D:99"))
    await panel.wake()
    assert not panel.key and "94:A9:90:8C:6D:99" in panel.message


async def test_a_sleepy_panel_fetches_over_the_oldest_http(hub, visitor):
    made = await add(visitor, "paper", **FETCHES)
    files = {"file": ("a.jpg", make_jpeg(text="paper"), "image/jpeg")}
    await visitor.api.post("/devices/paper/deliveries", files=files, data={"render": "none"})

    def ask(*headers: str) -> tuple[str, bytes]:
        address = urlsplit(hub.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as link:
            lines = [f"GET /panel/{made['key']}/next HTTP/1.0", *headers, "", ""]
            link.sendall("\r\n".join(lines).encode())
            head, _, body = b"".join(iter(lambda: link.recv(65536), b"")).partition(b"\r\n\r\n")
        return head.decode().lower(), body

    await until(lambda: ask()[1] == make_jpeg(text="paper"), within_s=20)
    head, body = ask()
    tag = head.partition("etag: ")[2].partition("\r\n")[0]
    assert "transfer-encoding" not in head and f"content-length: {len(body)}" in head
    assert " 304 " in ask(f"If-None-Match: {tag}")[0].partition("\r\n")[0]
    assert await state_of(visitor, "paper") == "delivered"


async def test_a_playlist_goes_on_over_mqtt(hub, visitor):
    made = await add(visitor, "lobby", panel={"poll_interval_s": 5})
    for number in (1, 2):
        camera = await add(visitor, f"view-{number}", "generic")
        await upload(hub, camera, make_jpeg(text=f"view {number}"), "now")
    items = [{"camera": "view-1"}, {"camera": "view-2"}]
    async with connected(BoardPanel(), hub.mqtt_port, await visitor.device("lobby"), made) as panel:
        await visitor.api.put("/devices/lobby/playlist", json={"items": items})
        for number in (1, 2):
            await until(lambda n=number: panel.receiver.picture == make_jpeg(text=f"view {n}"), within_s=30)
            change(hub, "UPDATE devices_panel SET last_poll_at = datetime(last_poll_at, '-1 minute')")
