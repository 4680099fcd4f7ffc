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
# Through Redis each message costs as much as half a picture. Those for pages that come in numbers go together: the first
# at once, the next ones so long after it.
_PAGES_APART_S = 0.05
_TOGETHER_AT_MOST = 200
_GATHERED_AT_MOST = 5_000

_loop: asyncio.AbstractEventLoop | None = None
_gathered: list[dict] = []
_flushing: asyncio.TimerHandle | None = None
_flushed_s = -_PAGES_APART_S


def bind(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop that this process serves from, so that other threads hand their messages to it and go on."""
    global _loop, _flushing, _gathered
    _loop, _gathered = loop, []
    if _flushing is not None:
        _flushing.cancel()
        _flushing = None


def send(group: str, messages: list[dict]) -> None:
    """Send messages to a group, from any thread, without ever raising or waiting for a broken Redis."""
    if not messages or _nobody_listens(group):
        return
    if _loop is not None and _loop.is_running():
        loop_calls.call(_loop, _start_soon, group, messages)
        return
    try:
        async_to_sync(_send)(group, _joined(group, messages))
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
    asyncio.get_running_loop().call_soon(_gather if _is_joined(group) else _start, group, messages)


def _is_joined(group: str) -> bool:
    return group == PAGES and not isinstance(get_channel_layer(), InMemoryChannelLayer)


def _joined(group: str, messages: list[dict]) -> list[dict]:
    """Put several messages for pages into one, which they take apart."""
    if len(messages) < 2 or not _is_joined(group):
        return messages
    starts = range(0, len(messages), _TOGETHER_AT_MOST)
    return [{"type": "live.together", "messages": messages[s : s + _TOGETHER_AT_MOST]} for s in starts]


def _gather(group: str, messages: list[dict]) -> None:
    global _flushing
    _gathered.extend(messages[: max(0, _GATHERED_AT_MOST - len(_gathered))])
    if _flushing is None:
        loop = asyncio.get_running_loop()
        _flushing = loop.call_at(max(loop.time(), _flushed_s + _PAGES_APART_S), _flush, group)


def _flush(group: str) -> None:
    global _gathered, _flushing, _flushed_s
    messages, _gathered, _flushing = _gathered, [], None
    _flushed_s = asyncio.get_running_loop().time()
    _start(group, _joined(group, messages))


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
