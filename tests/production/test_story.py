"""From the order to the published link, through nginx, two web servers, gateway, worker and Mosquitto."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from simulators.esp32s3 import Esp32S3Camera, Esp32S3Config
from simulators.scenes import Scene
from tests.production.stack import Stack, wait_for


def make_camera(stack: Stack, code: str, key: str) -> Esp32S3Camera:
    """Return a board that runs the published program, with the account that the broker wants."""
    [(command_topic, result_topic)] = stack.query(
        "SELECT command_topic, result_topic FROM devices_device WHERE code = %s", code
    )
    config = Esp32S3Config(
        f"{stack.url}/api/upload",
        "127.0.0.1",
        stack.ports["mosquitto"],
        code=code,
        key=key,
        command_topic=command_topic,
        result_topic=result_topic,
    )
    return Esp32S3Camera(config, Scene("garden"))


@asynccontextmanager
async def living(camera: Esp32S3Camera) -> AsyncIterator[Esp32S3Camera]:
    task = asyncio.create_task(camera.run())
    try:
        async with asyncio.timeout(15):
            await camera.connected.wait()
        yield camera
    finally:
        await camera.stop()
        await task


@asynccontextmanager
async def management(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {await asyncio.to_thread(lambda: stack.token)}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=35) as client:
        yield client


async def test_an_order_becomes_a_picture_with_a_link_that_opens(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "garden-gate", "esp32s3")
    async with living(make_camera(stack, **made)) as camera, management(stack) as client:
        before = (await client.get("/api/v1/events", params={"since": 2**62})).json()["seq"]
        answer = await client.post("/api/v1/devices/garden-gate/capture", json={"wait": 20})
        assert answer.status_code == 200, answer.text
        capture = answer.json()
        picture = await client.get(capture["url"])
        assert picture.status_code == 200
        assert picture.headers["content-type"] == "image/jpeg"
        assert len(picture.content) == capture["size_bytes"]
        assert camera.counters["upload"] == 1
        events = (await client.get("/api/v1/events", params={"since": before})).json()["items"]
    assert any(e["type"] == "capture.created" and e["capture"] == capture["id"] for e in events)


async def test_what_the_camera_answers_is_noted_as_published(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "barn", "esp32s3")
    async with living(make_camera(stack, **made)) as camera, management(stack) as client:
        answer = await client.post("/api/v1/devices/barn/capture", json={"wait": 20})
        sql = "SELECT published_at FROM media_pipeline_capture WHERE id = %s"
        published = await asyncio.to_thread(
            wait_for,
            "the picture counts as published",
            lambda: stack.query(sql, answer.json()["id"])[0][0],
            10,
        )
        said = json.loads(next(e.detail for e in camera.events if e.kind == "answer"))
    assert published
    assert base64.b64decode(said["url"]).decode() == answer.json()["url"]


async def test_the_worker_makes_the_thumbnail(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "shed")
    status, answer = await asyncio.to_thread(stack.upload, made["key"], Scene("garden").jpeg(0, 0))
    assert (status, answer["code"]) == (200, 0)
    sql = "SELECT thumbnail_state FROM media_pipeline_capture WHERE id = %s"
    done = [("done",)]
    await asyncio.to_thread(wait_for, "the thumbnail", lambda: stack.query(sql, answer["id"]) == done, 15)


async def test_the_access_log_holds_no_key(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "keyed-path")
    async with httpx.AsyncClient(base_url=stack.url) as client:
        await client.post(f"/api/upload/{made['key']}?token=hidden", content=b"x")
        await client.get("/healthz")
    await asyncio.to_thread(
        wait_for, "the line is written", lambda: "/api/upload/..." in stack.log("nginx"), 5
    )
    assert made["key"] not in stack.log("nginx")
    assert "hidden" not in stack.log("nginx")


async def test_a_picture_that_is_too_large_is_refused_in_json(stack: Stack) -> None:
    made = await asyncio.to_thread(stack.add_device, "large-one")
    status, answer = await asyncio.to_thread(stack.upload, made["key"], b"\xff\xd8\xff" + bytes(12 * 2**20))
    assert (status, answer["err"]) == (413, "too_large")


def figures_of(stack: Stack, port: int) -> dict[str, float]:
    """Return what a web server tells of some counts that only grow."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    told = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    names = (
        'photohub_ingest_duration_seconds_count{source="http"}',
        'photohub_command_duration_seconds_count{outcome="uploaded"}',
        'photohub_mqtt_messages_total{outcome="handled"}',
    )
    return {name: told[name] for name in names}


async def test_any_web_server_tells_what_all_processes_counted(stack: Stack) -> None:
    ports = [stack.ports[name] for name in stack.ports if name.startswith("web")]
    before = await asyncio.to_thread(figures_of, stack, ports[0])
    made = await asyncio.to_thread(stack.add_device, "orchard", "esp32s3")
    async with living(make_camera(stack, **made)), management(stack) as client:
        for _ in range(4):
            answer = await client.post("/api/v1/devices/orchard/capture", json={"wait": 20})
            assert answer.status_code == 200, answer.text

    def all_grew() -> bool:
        told = [figures_of(stack, port) for port in ports]
        return told[0] == told[1] and all(told[0][name] - before[name] >= 4 for name in before)

    await asyncio.to_thread(wait_for, "both tell of all that was counted", all_grew, 40)
