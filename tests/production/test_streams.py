"""A Raspberry Pi streams to the gateway, and a person sees it through nginx and whichever web server he gets."""

import asyncio

from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.flows.story import until
from tests.flows.viewers import Counted, streaming, viewing
from tests.production.stack import Stack
from tests.production.test_story import management


async def test_a_pi_is_seen_through_the_proxy_by_two_and_a_frame_is_kept(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "pi", "raspberry-pi")
    camera = RaspberryPi(RaspberryPiConfig(port=stack.ports["stream"], fps=5, **made), Counted())
    token = await asyncio.to_thread(lambda: stack.token)
    url = f"{stack.url}/devices/pi/stream.mjpg"
    async with streaming(camera), viewing(url, token) as one, viewing(url, token) as other:
        for viewer in (one, other):
            await until(lambda v=viewer: len(set(camera.scene.frames) & set(v.frames)) > 5, 20)
        async with management(stack) as client:
            answer = await client.post("/api/v1/devices/pi/keep")
            assert answer.status_code == 202, answer.text
            kept = await until(lambda: captures_of(client, "pi"))
    assert kept[0]["source"] == "tcp"


async def captures_of(client, code: str) -> list[dict]:
    return (await client.get("/api/v1/captures", params={"device": code})).json()["items"]


async def test_a_camera_that_is_a_server_is_fetched(stack: Stack) -> None:
    await asyncio.to_thread(stack.add_device, "server", "raspberry-pi")
    picture = Counted().jpeg(0, 1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + picture)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, management(stack) as client:
        port = server.sockets[0].getsockname()[1]
        changes = {"pull_url": f"http://127.0.0.1:{port}/", "pull_interval_s": 1, "stream_policy": "every"}
        assert (await client.patch("/api/v1/devices/server", json=changes)).status_code == 200
        pictures = await until(lambda: captures_of(client, "server"), 15)
        await client.patch("/api/v1/devices/server", json={"pull_url": ""})
    assert pictures[0]["source"] == "pull"
