"""Accounts, rights, presence and expiry on a real Mosquitto."""

import asyncio
import json
import time
from collections.abc import Callable

import aiomqtt
import pytest

from tests.production.stack import SECRETS, Stack, wait_for
from tests.production.test_story import management


def client(stack: Stack, made: dict[str, str], **options) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        options.pop("port", stack.ports["mosquitto"]),
        username=made["code"],
        password=made["key"],
        protocol=aiomqtt.ProtocolVersion.V311,
        **options,
    )


async def soon(what: str, check: Callable, within_s: float = 10) -> object:
    return await asyncio.to_thread(wait_for, what, check, within_s)


def link_of(stack: Stack, code: str) -> str:
    return stack.query("SELECT link_state FROM devices_device WHERE code = %s", code)[0][0]


async def take_topics_from(stack: Stack, code: str) -> None:
    """Leave the account with the role and the fingerprint that an older hub gave it."""
    hub = {"code": "photohub-hub", "key": SECRETS["MQTT_PASSWORD"]}
    control = "$CONTROL/dynamic-security/v1"
    rule = {"acltype": "publishClientSend", "topic": f"photohub/{code}/status", "priority": 0, "allow": True}
    change = {"command": "modifyRole", "rolename": f"photohub:{code}", "acls": [rule]}
    async with client(stack, hub) as admin:
        await admin.subscribe(f"{control}/response", qos=1)
        await admin.publish(control, json.dumps({"commands": [change]}), qos=1)
        answer = json.loads((await anext(aiter(admin.messages))).payload)
        assert "error" not in answer["responses"][0], answer
    forget = f"UPDATE devices_brokeraccount SET role_fingerprint = 'old' WHERE username = '{code}'"
    await asyncio.to_thread(stack.query, forget)


async def test_a_wrong_key_is_refused(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "fence")
    with pytest.raises(aiomqtt.MqttError, match=r"[Nn]ot authori"):
        async with client(stack, made | {"key": "wrong"}):
            pass


async def test_a_device_cannot_speak_for_another(stack: Stack) -> None:
    mallory = await asyncio.to_thread(stack.add_device, "mallory")
    await asyncio.to_thread(stack.add_device, "victim")
    sql = "SELECT battery_mv FROM devices_device WHERE code = %s"
    async with client(stack, mallory) as camera:
        await camera.publish("photohub/victim/telemetry", b'{"battery_mv": 3111}', qos=1)
        await camera.publish("photohub/mallory/telemetry", b'{"battery_mv": 3222}', qos=1)
        await soon("the own one is heard", lambda: stack.query(sql, "mallory") == [(3222,)])
    assert stack.query(sql, "victim") == [(None,)]


async def test_a_device_cannot_listen_to_another(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "eve")
    async with client(stack, made) as camera:
        filters = ("photohub/eve/command", "photohub/+/command", "#", "$SYS/#")
        granted = [await camera.subscribe(f) for f in filters]
    assert [codes[0] for codes in granted] == [0, 0x80, 0x80, 0x80]


async def test_a_client_id_takes_over_nobody(stack: Stack) -> None:
    alice, bob = [await asyncio.to_thread(stack.add_device, code) for code in ("alice-cam", "bob-cam")]
    async with client(stack, alice, identifier="alice-cam") as camera:
        async with client(stack, bob, identifier="alice-cam"):
            await camera.subscribe("photohub/alice-cam/command", qos=1)


async def test_a_revoked_key_ends_the_connection(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "stolen")
    async with management(stack) as api, client(stack, made) as camera:
        began_s = time.monotonic()
        answer = await api.delete(f"/api/v1/devices/stolen/keys/{made['key'][:8]}")
        assert answer.status_code < 300, answer.text
        with pytest.raises(aiomqtt.MqttError):
            async with asyncio.timeout(10):
                async for _message in camera.messages:
                    pass
        assert time.monotonic() - began_s < 10


async def test_a_removed_device_is_forgotten_by_the_broker(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "sold")
    async with management(stack) as api:
        assert (await api.delete("/api/v1/devices/sold")).status_code < 300
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            async with client(stack, made):
                await asyncio.sleep(0.3)
        except aiomqtt.MqttError:
            return
    raise AssertionError("The broker still lets the removed device in.")


@pytest.mark.parametrize("wire", ["mosquitto", "mqtt_ws"])
async def test_presence_follows_the_connection(stack: Stack, wire: str) -> None:
    made = await asyncio.to_thread(stack.add_device, f"lane-{wire.replace('_', '-')}")
    transport = "websockets" if wire == "mqtt_ws" else "tcp"
    async with client(stack, made, port=stack.ports[wire], transport=transport):
        await soon("it is connected", lambda: link_of(stack, made["code"]) == "connected")
    await soon("it is lost", lambda: link_of(stack, made["code"]) == "lost")


async def test_mqtt_over_websocket_through_nginx(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "phone-panel")
    options = {"port": stack.ports["nginx"], "transport": "websockets", "websocket_path": "/mqtt"}
    async with client(stack, made, **options) as panel:
        assert (await panel.subscribe("photohub/phone-panel/command"))[0] == 0


async def test_presence_survives_a_restart_of_the_gateway(stack: Stack) -> None:
    names = ("stays", "leaves", "comes")
    stays, leaves, comes = [await asyncio.to_thread(stack.add_device, name) for name in names]
    async with client(stack, stays):
        async with client(stack, leaves):
            await soon("both are connected", lambda: link_of(stack, "leaves") == "connected")
            await asyncio.to_thread(stack.stop, "gateway")
        async with client(stack, comes):
            await asyncio.to_thread(stack.start, "gateway")
            await soon("who left is lost", lambda: link_of(stack, "leaves") == "lost", 20)
            await soon("who came is connected", lambda: link_of(stack, "comes") == "connected")
            await soon("who stayed is connected", lambda: link_of(stack, "stays") == "connected", 40)


async def test_accounts_of_an_older_hub_learn_new_topics_at_its_start(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "veteran")
    await asyncio.to_thread(stack.stop, "gateway")
    async with client(stack, made) as camera:
        await take_topics_from(stack, "veteran")
        assert (await camera.subscribe("photohub/veteran/command"))[0] == 0x80
        await asyncio.to_thread(stack.start, "gateway")
        sql = "SELECT role_fingerprint FROM devices_brokeraccount WHERE username = %s"
        await soon("the role is brought in step", lambda: stack.query(sql, "veteran") != [("old",)], 20)
        # On the same connection: a role that grows ends nobody's.
        assert (await camera.subscribe("photohub/veteran/command"))[0] == 0


async def test_no_command_is_delivered_after_its_expiry(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "sleeper")
    async with client(stack, made, identifier="sleeper", clean_session=False) as camera:
        await camera.subscribe("photohub/sleeper/command", qos=1)
    await soon("it is lost", lambda: link_of(stack, "sleeper") == "lost")
    # As if nobody knew that it is away, so that the broker has to keep the command for it.
    forget = "UPDATE devices_device SET link_state='unknown' WHERE code='sleeper'"
    await asyncio.to_thread(stack.query, forget)
    async with management(stack) as api:
        await api.patch("/api/v1/devices/sleeper", json={"command_timeout_s": 5})
        command = (await api.post("/api/v1/devices/sleeper/capture", json={})).json()
        sql = "SELECT state FROM devices_command WHERE id = %s"
        await soon("the broker took it", lambda: stack.query(sql, command["id"]) == [("sent",)])
        await soon("it expired", lambda: stack.query(sql, command["id"]) == [("expired",)], 15)
    async with client(stack, made, identifier="sleeper", clean_session=False) as camera:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(aiter(camera.messages))
