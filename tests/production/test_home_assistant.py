"""Home Assistant at Mosquitto with its accounts: let in on the page, it sees the cameras, and may do nothing else."""

import asyncio
import re

import httpx

from tests.photohub.home_assistant.smart_home import at_home
from tests.production.stack import OWNER, Stack, wait_for
from tests.waiting import until

ACCOUNT = "SELECT state FROM devices_brokeraccount WHERE username = 'photohub-home'"
ASKED = "SELECT count(*) FROM devices_command c JOIN devices_device d ON d.id = c.device_id WHERE d.code = %s"


async def let_in(client: httpx.AsyncClient) -> str:
    """Let Home Assistant in on the page, as an owner does. Returns the password that the page shows."""
    await client.get("/login")
    login = {"username": OWNER["DJANGO_SUPERUSER_USERNAME"], "password": OWNER["DJANGO_SUPERUSER_PASSWORD"]}
    await post(client, "/login", login)
    await post(client, "/home-assistant/let-in")
    page = await client.get("/home-assistant")
    return re.search(r'id="home-secret">([^<]+)<', page.text)[1]


async def post(client: httpx.AsyncClient, path: str, data: dict | None = None) -> None:
    token = client.cookies["photohub_csrf"]
    answer = await client.post(path, data=(data or {}) | {"csrfmiddlewaretoken": token})
    assert answer.status_code == 302, answer.text


async def test_it_is_let_in_sees_the_cameras_and_asks_for_pictures(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "terrace", "esp32s3")
    port = stack.ports["mosquitto"]
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as page:
        password = await let_in(page)
        synced = lambda: stack.query(ACCOUNT) == [("synced",)]  # noqa: E731
        await asyncio.to_thread(wait_for, "Mosquitto has the account", synced, 60)
        async with at_home(port, "photohub-home", password) as home:
            await until(lambda: home.device(made["code"]), 60)
            await home.press(made["code"])
            asked = lambda: stack.query(ASKED, made["code"])[0][0]  # noqa: E731
            await asyncio.to_thread(wait_for, "the camera is asked", asked, 30)
            refused = await home.client.subscribe([("photohub/#", 0), ("#", 0), ("/light/deviceIn", 0)])
            assert [int(getattr(code, "value", code)) for code in refused] == [0x80] * 3
            await post(page, "/home-assistant/shut-out")
            await until(lambda: not home.configs or home.has_ended, 60)
