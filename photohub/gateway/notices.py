"""Notices of the channel layer: what pages and tasks tell all gateways, so that they look at once."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from photohub.lib.log.throttling import Seldom
from photohub.lib.messaging import notify

log = logging.getLogger(__name__)

_LISTEN_AGAIN_S = 2.0
_said = Seldom()


async def listen(take: Callable[[dict], None], look: Callable[[], None]) -> None:
    """Hand each notice to `take`, until cancelled. `look()` is called for one that cannot be understood."""
    while True:
        try:
            await _listen(take, look)
        except Exception as error:
            if count := _said.count(("notices", type(error))):
                log.warning("The channel layer is away (%r, %d times).", error, count)
            await asyncio.sleep(_LISTEN_AGAIN_S)


async def _listen(take: Callable[[dict], None], look: Callable[[], None]) -> None:
    layer = notify.channel_layer()
    channel = await layer.new_channel("gateway")
    try:
        await layer.group_add(notify.GATEWAY, channel)
        while True:
            message = await layer.receive(channel)
            try:
                take(message)
            except Exception:
                log.exception("A notice could not be understood; the gateway looks by itself.")
                look()
    finally:
        # The layer would go on to fill the queue of a channel that nobody reads.
        with contextlib.suppress(Exception):
            await layer.group_discard(notify.GATEWAY, channel)
