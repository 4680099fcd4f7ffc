"""The in-memory channel layer between the loop and the threads of one process."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from photohub.lib.messaging.channel_layer import ThreadSafeLayer

NEWS = {"type": "capture.created"}
DAY_S = 24 * 3600.0


def send_from_a_thread(layer: ThreadSafeLayer) -> threading.Thread:
    thread = threading.Thread(target=lambda: async_to_sync(layer.group_send)("gate", NEWS))
    thread.start()
    return thread


async def receive(layer: ThreadSafeLayer, channel: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return await layer.receive(channel)


async def test_group_message_from_another_thread_arrives_at_once() -> None:
    layer = ThreadSafeLayer()
    await layer.group_add("gate", "dashboard")
    waiting = asyncio.create_task(receive(layer, "dashboard"))
    await asyncio.sleep(0)
    began = time.monotonic()
    thread = send_from_a_thread(layer)
    assert await waiting == NEWS
    assert time.monotonic() - began < 2
    await asyncio.to_thread(thread.join)


async def test_message_to_one_channel_from_another_thread_arrives_at_once() -> None:
    layer = ThreadSafeLayer()
    layer.bind(asyncio.get_running_loop())
    waiting = asyncio.create_task(receive(layer, "dashboard"))
    await asyncio.to_thread(async_to_sync(layer.send), "dashboard", NEWS)
    assert await waiting == NEWS


async def test_message_within_the_loop_needs_no_handing_over() -> None:
    layer = ThreadSafeLayer()
    await layer.group_add("gate", "dashboard")
    await layer.group_send("gate", NEWS)
    assert await receive(layer, "dashboard") == NEWS


def test_sending_after_the_loop_has_stopped_returns() -> None:
    layer = ThreadSafeLayer()
    asyncio.run(layer.group_add("gate", "dashboard"))
    async_to_sync(layer.group_send)("gate", NEWS)
    assert not layer.channels


def test_layer_moves_to_the_next_loop() -> None:
    layer = ThreadSafeLayer()

    async def send_and_receive() -> dict[str, Any]:
        await layer.group_add("gate", "dashboard")
        await layer.group_send("gate", NEWS)
        return await receive(layer, "dashboard")

    assert [asyncio.run(send_and_receive()) for _ in range(2)] == [NEWS, NEWS]


async def test_reader_of_an_expired_message_stays_in_its_groups() -> None:
    layer = ThreadSafeLayer(expiry=-1)
    await layer.group_add("gate", "dashboard")
    await layer.group_send("gate", NEWS)
    layer.expiry = 60
    await layer.group_send("gate", {"type": "capture.mirrored"})
    assert await receive(layer, "dashboard") == {"type": "capture.mirrored"}


async def test_reader_that_still_waits_never_leaves_its_group() -> None:
    layer = ThreadSafeLayer(group_expiry=-1)
    await layer.group_add("gate", "dashboard")
    waiting = asyncio.create_task(receive(layer, "dashboard"))
    await asyncio.sleep(0)
    await layer.group_send("gate", NEWS)
    assert await waiting == NEWS


async def test_channel_nobody_reads_leaves_its_group_in_the_end() -> None:
    layer = ThreadSafeLayer(group_expiry=-1)
    await layer.group_add("gate", "crashed")
    await layer.group_send("gate", NEWS)
    assert not layer.channels


def move(monkeypatch, *, on_s: float = 0.0, clock_s: float = 0.0) -> None:
    """Let so much time pass, or set the clock so much ahead."""
    now, since_start = time.time, time.monotonic
    monkeypatch.setattr("channels.layers.time.time", lambda: now() + on_s + clock_s)
    # Not that of the whole process: the loop's own timers stay.
    moved = SimpleNamespace(time=time.time, monotonic=lambda: since_start() + on_s)
    monkeypatch.setattr("photohub.lib.messaging.channel_layer.time", moved)


@pytest.mark.parametrize("by", [{"on_s": 3 * DAY_S}, {"clock_s": 400 * DAY_S}, {"clock_s": -400 * DAY_S}])
async def test_who_is_busy_with_a_message_hears_the_next_ones_after_days_and_jumps_of_the_clock(
    monkeypatch, by
) -> None:
    layer = ThreadSafeLayer()
    await layer.group_add("gate", "dashboard")
    waiting = asyncio.create_task(receive(layer, "dashboard"))
    await asyncio.sleep(0)
    move(monkeypatch, **by)
    await layer.group_send("gate", NEWS)
    # It has the first one in hand, and does not listen in this moment.
    assert await waiting == NEWS
    await layer.group_send("gate", {"type": "capture.mirrored"})
    assert await receive(layer, "dashboard") == {"type": "capture.mirrored"}


async def test_messages_that_nobody_reads_are_dropped_also_after_the_clock_went_back(monkeypatch) -> None:
    layer = ThreadSafeLayer()
    await layer.group_add("gate", "dashboard")
    await layer.group_send("gate", NEWS)
    move(monkeypatch, clock_s=-400 * DAY_S)
    await layer.group_send("gate", {"type": "capture.mirrored"})
    assert await receive(layer, "dashboard") == {"type": "capture.mirrored"}
