"""The endpoints beside Django, the sockets and the topics × everybody, as `table.py` says."""

import re

import httpx
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured

from devices.firmware.endpoints import call
from devices.firmware.endpoints import endpoint as firmware
from devices.keys import identity
from devices.keys import tokens as keys_tokens
from devices.mqtt import addressing
from devices.protocol.aliyun.topics import OtaChannel
from devices.protocol.topics import Channel
from devices.registry.models import Device
from media_pipeline.intake import endpoint as upload
from media_pipeline.live import mjpeg, wall
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.viewing import Viewing
from media_pipeline.node_files import endpoint as node_files
from media_pipeline.nodes import here
from photohub import asgi
from photohub.broker.accounts import Account, may_publish, may_subscribe
from photohub.lib.http.guessing import FailedTries
from photohub.metrics import endpoint as metrics
from photohub.routing import websocket_urlpatterns
from tests.builders import make_device, make_jpeg
from tests.rights.table import ENDPOINTS, NOBODYS_TOPICS, SOCKETS, TOPICS, rows
from tests.rights.world import SCOPES, World, make_world

pytestmark = pytest.mark.django_db(transaction=True)
UNKNOWN = "0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"


@pytest.fixture(autouse=True)
def _endpoints(monkeypatch, settings):
    """Open all endpoints as a start does, without limits of rate."""
    settings.ALLOWED_HOSTS = ["hub"]
    plenty = FailedTries(per_second=1000, burst=1000)
    for module, name in ((upload, "_FAILED_TRIES"), (call, "_FAILED_TRIES")):
        monkeypatch.setattr(module, name, plenty)
    upload._keys.forget()
    viewing = Viewing(LatestFrames())
    monkeypatch.setattr(asgi, "_streams", None)
    asgi.serve_wall_at(wall.WallEndpoint(LatestFrames(), viewing.codes_of))
    yield
    asgi.serve_wall_at(None)


# --- endpoints ---


def test_every_endpoint_and_socket_has_a_row():
    routes = [re.sub("<uuid>", UNKNOWN, route) for _method, route in rows(ENDPOINTS)]
    routes = [re.sub("<[^>]+>", "word", route) for route in routes]
    assert metrics.PATH in routes
    patterns = [upload.PATHS, node_files.PATHS, *(pattern for pattern, _answer in firmware._ENDPOINTS)]
    assert all(any(pattern.match(route) for route in routes) for pattern in patterns)
    served_by = (upload, firmware, node_files, metrics)
    assert all(any(endpoint.serves(route) for endpoint in served_by) for route in routes)
    assert {route for _method, route in rows(SOCKETS)} == {f"/{p.pattern}" for p in websocket_urlpatterns} | {
        wall.PATH,
        "/mqtt",
    }


def proofs(world: World) -> dict[str, dict[str, str]]:
    """Return the headers by which somebody could try to come in."""
    session = world.client("owner").cookies[configured.SESSION_COOKIE_NAME].value
    tokens = {scope: keys_tokens.new_token(world.people["owner"], scope, [scope])[1] for scope in SCOPES}
    return {
        "nothing": {},
        "session": {"Cookie": f"{configured.SESSION_COOKIE_NAME}={session}"},
        **{scope: {"Authorization": f"Bearer {token}"} for scope, token in tokens.items()},
        "as target": {"Authorization": f"TargetToken {tokens['manage']}"},
        "another's key": {"Authorization": f"TargetToken {world.house.key}"},
        "revoked": {"X-Device-Key": revoked_key(world.yard.camera)},
    }


def revoked_key(device: Device) -> str:
    key = identity.issue_key(device)
    identity.revoke_key(device.keys.order_by("-created_at", "-pk").first())
    return key


async def test_no_endpoint_of_devices_lets_a_person_in(settings):
    world = await sync_to_async(make_world)()
    tried = await sync_to_async(proofs)(world)
    settings.NODE_URL = "http://hub"
    await sync_to_async(here.join)()
    wrong = []
    transport = httpx.ASGITransport(asgi.application, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", trust_env=False) as client:
        for (method, route), _right in rows(ENDPOINTS).items():
            path = re.sub("<code>", world.yard.camera.code, re.sub("<(key|token)>", "A" * 43, route))
            path = re.sub("<uuid>", UNKNOWN, path)
            for who, headers in tried.items():
                body = make_jpeg() if method == "POST" else None
                answer = await client.request(method, path, headers=headers | {"Name-Pic": "x"}, content=body)
                if answer.status_code not in (401, 403, 404):
                    wrong.append(f"{who:14} {method} {path}: {answer.status_code}")
        right = await client.post(
            "/api/upload", content=make_jpeg(), headers={"X-Device-Key": world.yard.key}
        )
        own = await client.get(
            f"/default/controller/v1/{world.yard.camera.code}",
            headers={"Authorization": f"TargetToken {world.yard.key}"},
        )
    here.forget()
    assert wrong == [] and (right.status_code, own.status_code) == (200, 200)


# --- sockets and streams ---


async def opens(path: str, headers: dict[str, str]) -> bool:
    """Tell whether a socket opens and stays open until it has said something."""
    sent = {"Host": "hub", "Origin": "http://hub"} | headers
    named = [(name.lower().encode(), text.encode()) for name, text in sent.items()]
    page = WebsocketCommunicator(asgi.application, path, headers=named)
    connected, _ = await page.connect()
    said = await page.receive_output(timeout=5) if connected else {"type": "websocket.close"}
    await page.disconnect()
    return said["type"] == "websocket.send"


async def test_every_socket_opens_for_people_and_for_nobody_else():
    world = await sync_to_async(make_world)()
    tried = await sync_to_async(proofs)(world)
    assert await opens("/ws/live/", tried["session"]) and await opens("/ws/wall/", tried["session"])
    for path in ("/ws/live/", "/ws/wall/", "/mqtt", "/ws/other/"):
        assert not await opens(path, {}), path
        assert not await opens(path, tried["revoked"]), path
    assert not await opens("/ws/live/", tried["session"] | {"Origin": "http://hub:9000"})
    assert not await opens("/ws/wall/", tried["session"] | {"Origin": "https://hub"})


async def test_a_stream_is_for_those_who_may_look():
    world = await sync_to_async(make_world)()
    viewing, seen = Viewing(LatestFrames()), {}
    assert mjpeg.serves(f"/devices/{world.yard.camera.code}/stream.mjpg") and mjpeg.serves("/stream.mjpg")
    for role in ("stranger", "nobody", "viewer", "operator", "owner"):
        client = await sync_to_async(world.client)(role)
        cookie = client.cookies.output(header="", sep=";").partition(";")[0].strip()
        scope = {"headers": [(b"cookie", cookie.encode())] if cookie else []}
        places = (world.yard, world.house)
        seen[role] = [(await viewing.authorise(scope, place.camera.code)).status for place in places]
    assert seen == {
        "stranger": [401, 401],
        "nobody": [404, 404],
        "viewer": [200, 404],
        "operator": [200, 404],
        "owner": [200, 200],
    }


# --- topics ---


def account_of(device: Device) -> Account:
    publish, subscribe = addressing.rights_of(device)
    return Account(device.code, "device", tuple(publish), tuple(subscribe))


def account_of_person(user) -> Account:
    return Account(user.get_username(), "person", (), tuple(addressing.rights_of_person(user)))


def may(account: Account, topic: str) -> str:
    sends, hears = may_publish(account, topic), may_subscribe(account, topic)
    return {(True, True): "both", (True, False): "publish", (False, True): "subscribe"}.get(
        (sends, hears), "-"
    )


def topic_rows() -> list[tuple[str, str, str]]:
    return [tuple(line.split()) for line in TOPICS.strip().splitlines()]


def test_every_kind_of_topic_has_a_row():
    forms = [topic for topic, _own, _person in topic_rows()]
    assert all(any(f"/{channel}" in form for form in forms) for channel in (*Channel, *OtaChannel))


def test_every_topic_is_for_its_device_and_for_those_who_may_look():
    world = make_world()
    board = make_device("board", profile="esp8266-stm32", groups=world.yard.camera.groups.all())
    Device.objects.filter(pk=board.pk).update(
        picture_topic="photohub/board/picture", picture_ack_topic="photohub/board/picture/ack"
    )
    board.refresh_from_db()
    native = {c: getattr(board, f"{c}_topic") for c in ("command", "result", "frame")}
    others = [account_of(world.yard.camera), account_of(world.house.camera)]
    viewer, foreigner = account_of_person(world.people["viewer"]), account_of_person(world.people["nobody"])
    for form, own, person in topic_rows():
        topic = (
            form.replace("<code>", "board")
            .replace("<pk>", board.product_key)
            .replace("<dn>", board.device_name)
        )
        channel = next((c for c in native if f"{form}/".startswith(f"photohub/<code>/{c}/")), None)
        if channel is not None and not topic.startswith(native[channel] or "-"):
            own = person = "-"  # a topic of its own stands in its place
        assert (may(account_of(board), topic), may(viewer, topic)) == (own, person), topic
        assert {may(account, topic) for account in (*others, foreigner)} == {"-"}, topic
    for account in (account_of(board), viewer, foreigner):
        assert {may(account, topic) for topic in NOBODYS_TOPICS if topic not in board.command_topic} == {"-"}
