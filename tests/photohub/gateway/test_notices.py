"""Notices of the channel layer on their way to the gateway."""

import asyncio

from photohub.gateway import notices
from photohub.lib.messaging import notify
from tests.waiting import until


async def test_a_notice_that_cannot_be_understood_has_the_gateway_look_and_the_next_one_arrives():
    taken, looks = [], []

    def take(message: dict) -> None:
        if message["type"] == "gateway.odd":
            raise ValueError
        taken.append(message["type"])

    task = asyncio.create_task(notices.listen(take, lambda: looks.append(1)))
    layer = notify.channel_layer()
    await until(lambda: layer.groups.get(notify.GATEWAY))
    for kind in ("gateway.odd", "gateway.commands"):
        await layer.group_send(notify.GATEWAY, {"type": kind})
    await until(lambda: taken)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (taken, looks) == (["gateway.commands"], [1]) and not layer.groups.get(notify.GATEWAY)
