"""A canary of each kind of secret, used over every wire rightly and wrongly, is found in no log, event, task or error page."""

import io
import logging

import httpx
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as configured
from django.test import Client

from devices.commands import queue as commands
from devices.commands import results
from devices.commands.models import Command
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.firmware.rollouts.models import RolloutTarget
from devices.keys import tokens
from devices.panels.fetching import links as panel_links
from devices.protocol.mqtt.packets import Connect
from devices.registry.models import Panel
from devices.setup import adding
from photohub import asgi
from photohub.accounts import first_owner, invitations
from photohub.broker import accounts_db
from photohub.lib.log import logs
from photohub.lib.messaging import enqueue
from tests.builders import PASSWORD, make_jpeg
from tests.rights.world import World, make_world

pytestmark = pytest.mark.django_db(transaction=True)

HOOK_SECRET = "Hook-secret-Of-The-Broker-77"


def canaries(world: World) -> dict[str, str]:
    """Return one secret of each kind, by what it is."""
    camera, panel = world.yard.camera, world.yard.panel
    Panel.objects.filter(device=panel).update(hardware_address="AA:BB:CC:DD:EE:FF")
    signed = adding.add_device(code="board", name="board", profile="esp8266-stm32")
    _token, token = tokens.new_token(world.people["operator"], "program")
    return {
        "device key": world.yard.key,
        "device secret": signed.device_secret,
        "api token": token,
        "session": world.client("owner").cookies[configured.SESSION_COOKIE_NAME].value,
        "invitation": invitations.make_link(world.people["viewer"]).partition("/invitation/")[2],
        "first owner": first_owner.link_token(),
        "hook secret": HOOK_SECRET,
        "issued name": Command.objects.get(device=camera).name,
        "share link": world.yard.ids["shares"],
        "short link": world.yard.ids["p"],
        "panel link": panel_links.make_link(panel.pk, "ab" * 32, "bmp").rpartition("/")[2],
        "firmware token": RolloutTarget.objects.get(device=camera).token,
        "secret key": configured.SECRET_KEY,
        "signature": "sIgNaTuRe0fAnAddress77",
    }


PATHS = (
    "/api/upload/{}",
    "/API/upload/{}",
    "/api/uploads/{}",
    "/ota/esp/{}",
    "/ota/f/{}",
    "/ota/{}",
    "/panel/{}/next",
    "/panel/{}",
    "/panel/i/{}",
    "/broker/{}/emqx/authn",
    "/setup/{}",
    "/invitation/{}",
    "/invitation/MQ/{}",
    "/p/{}",
    "/p/{}/",
    "/s/{}",
    "/s/{}/all.zip",
    "/s/{}/live.mjpg",
    "/login?next=/{}",
    "/captures/{}",
    "/api/v1/devices/{}",
    "/api/v1/commands/{}?signature={}&token={}&key={}",
    "/x%0A/api/upload/{}",
)

ENDPOINTS = (
    ("GET", "/api/v1/devices"),
    ("POST", "/api/upload"),
    ("GET", "/api/display"),
    ("GET", "/panel/next"),
)


def headers_with(secret: str) -> list[dict[str, str]]:
    plain = secret.encode("ascii", "replace").decode()
    return [
        {"Authorization": f"Bearer {plain}"},
        {"Authorization": f"TargetToken {plain}"},
        {"X-Device-Key": plain, "Name-Pic": plain},
        {"Access-Token": plain, "ID": plain},
        {"Cookie": f"{configured.SESSION_COOKIE_NAME}={plain}"},
        {"User-Agent": f"board\n{plain}".replace("\n", " "), "Referer": f"http://hub/api/upload/{plain}"},
    ]


@pytest.fixture
def heard(settings, monkeypatch):
    """Keep everything that is logged at every level, and everything that workers are told."""
    settings.LOG_LEVEL, settings.ALLOWED_HOSTS = "DEBUG", ["hub"]
    settings.MQTT_HOOK_SECRET, settings.OWN_SECRETS = HOOK_SECRET, [HOOK_SECRET, settings.SECRET_KEY]
    root, out, told = logging.getLogger(), io.StringIO(), []
    kept, level = root.handlers[:], root.level
    logs.set_up()
    root.handlers[0].setStream(out)
    monkeypatch.setattr(enqueue, "send_task", lambda *args, **more: told.append(repr((args, more))))
    yield out, told
    root.handlers[:] = kept
    root.setLevel(level)
    logs.know_secrets([])


async def try_everywhere(secrets: dict[str, str]) -> list[tuple[str, str]]:
    """Send every secret to every address and in every header; return the answers that were no success."""
    pages = []
    transport = httpx.ASGITransport(asgi.application, raise_app_exceptions=False, client=("192.0.2.9", 7))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", trust_env=False) as client:
        for secret in secrets.values():
            asked = [("GET", path.replace("{}", secret), {}) for path in PATHS]
            asked += [("POST", path.replace("{}", secret), {}) for path in PATHS[:3]]
            asked += [(method, path, sent) for sent in headers_with(secret) for method, path in ENDPOINTS]
            for method, path, headers in asked:
                body = make_jpeg(text=secret[:4]) if method == "POST" else None
                answer = await client.request(method, path, headers=headers, content=body)
                if answer.status_code >= 400:
                    pages.append((path, answer.text))
    return pages


def try_mqtt(secrets: dict[str, str]) -> None:
    """Log in with every secret as user name, as password and as client id, and say what the broker says of it."""
    for secret in secrets.values():
        for name, password, client_id in (
            (secret, "x", "c"),
            ("yard-cam", secret, "c"),
            ("yard-cam", "x", secret),
        ):
            accounts_db.find_account(Connect(client_id=client_id, username=name, password=password.encode()))
            logging.getLogger("photohub.embedded.broker").info(
                "MQTT connection of %s refused: wrong user name or password (%r)", client_id, name
            )


def tell_devices_words(world: World, secrets: dict[str, str]) -> None:
    """Let a device say each secret where the hub writes down what devices say."""
    for secret in secrets.values():
        events.record(
            EventType.DEVICE_CHANGED, device=world.yard.camera, sentence=f"The panel reports: {secret}"
        )
        commands.capture(world.yard.camera)
        results.result(world.yard.camera, b'{"code":1,"des":"/api/upload/%s"}' % secret.encode())


def try_passwords() -> None:
    """Log in rightly and wrongly, and change the password: whoever chose it, only these forms are told it."""
    client = Client()
    for password in (PASSWORD, f"{PASSWORD}x"):
        client.post("/login", {"username": "viewer", "password": password}, headers={"host": "hub"})
        new = {"old_password": password, "new_password1": PASSWORD, "new_password2": "other"}
        client.post("/account/password", new, headers={"host": "hub"})


async def test_no_secret_is_found_anywhere(heard):
    out, told = heard
    world = await sync_to_async(make_world)()
    secrets = await sync_to_async(canaries)(world)
    pages = await try_everywhere(secrets)
    await sync_to_async(try_mqtt)(secrets)
    await sync_to_async(tell_devices_words)(world, secrets)
    await sync_to_async(try_passwords)()
    secrets["password"] = PASSWORD
    socket = WebsocketCommunicator(
        asgi.application, f"/ws/live/{secrets['api token']}", headers=[(b"host", b"hub")]
    )
    await socket.connect()
    said = await sync_to_async(lambda: "\n".join(Event.objects.values_list("sentence", flat=True)))()
    places = {"log": out.getvalue(), "events": said, "tasks": "\n".join(told)}
    found = {
        (kind, where) for kind, secret in secrets.items() for where, text in places.items() if secret in text
    }
    # A word that a person types into an address, as in /login?next=, may come back to him.
    pages = [(path, text) for path, text in pages if "/login" not in path]
    found |= {(kind, path[:20]) for path, text in pages for kind, secret in secrets.items() if secret in text}
    assert found == set()
    assert "Not Found" in places["log"]
