"""Notifying live pages and the gateway: small messages that may be lost, and on which nothing depends."""

import asyncio
import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

from . import loop_calls

log = logging.getLogger(__name__)

PAGES = "pages"  # group of every open live page
GATEWAY = "gateway"  # group of every MQTT gateway
_SEND_TIMEOUT_S = 2.0
_AT_ONCE = 200

_loop: asyncio.AbstractEventLoop | None = None


def bind(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop that this process serves from, so that other threads hand their messages to it and go on."""
    global _loop
    _loop = loop


def send(group: str, messages: list[dict]) -> None:
    """Send messages to a group, from any thread, without ever raising or waiting for a broken Redis."""
    if not messages or _nobody_listens(group):
        return
    if _loop is not None and _loop.is_running():
        loop_calls.call(_loop, _start_soon, group, messages)
        return
    try:
        async_to_sync(_send)(group, messages)
    except RuntimeError:
        log.warning("Live pages were not told: called from a loop that PhotoHub does not know.")


def send_after_commit(group: str, message: dict) -> None:
    """Send a message to a group once the present transaction is committed."""
    transaction.on_commit(lambda: send(group, [message]), robust=True)


def _nobody_listens(group: str) -> bool:
    # Only a layer inside this process knows; with Redis, others may listen elsewhere.
    layer = get_channel_layer()
    return isinstance(layer, InMemoryChannelLayer) and not layer.groups.get(group)


_tasks: set[asyncio.Task] = set()


def _start_soon(group: str, messages: list[dict]) -> None:
    # Whoever waits for an answer that came with these gets it first.
    asyncio.get_running_loop().call_soon(_start, group, messages)


def _start(group: str, messages: list[dict]) -> None:
    if len(_tasks) >= _AT_ONCE:
        # Redis hangs. Whoever misses a notice finds out by the next one, or looks by himself.
        return
    # The loop keeps only weak references to tasks.
    task = asyncio.ensure_future(_send(group, messages))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def channel_layer() -> Any:
    """Return the channel layer, which the settings always name; its kinds share no types."""
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("CHANNEL_LAYERS names no layer.")
    return layer


async def _send(group: str, messages: list[dict]) -> None:
    layer = channel_layer()
    try:
        async with asyncio.timeout(_SEND_TIMEOUT_S):
            for message in messages:
                await layer.group_send(group, message)
    except Exception as error:  # a foreign library over a network: whatever it raises, the picture is stored
        log.warning("Live pages were not told (%s): they catch up by themselves.", type(error).__name__)
