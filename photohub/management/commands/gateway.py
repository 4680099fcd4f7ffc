"""`manage.py gateway`: the MQTT and stream gateway as its own process, for production."""

import asyncio
import signal
import socket
from dataclasses import replace

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.mqtt.client import Address
from media_pipeline.intake.ingest import committer
from media_pipeline.live.redis import RedisFrames
from photohub.gateway import streams
from photohub.gateway.gateway import Gateway
from photohub.gateway.membership import Membership, claim_name
from photohub.lib.log import logs
from photohub.lib.messaging import notify
from photohub.lib.network import ports


class Command(BaseCommand):
    help = "Run the gateway: the broker at PHOTOHUB_MQTT_URL, and camera streams at PHOTOHUB_STREAM."

    def handle(self, *args, **options) -> None:
        logs.set_up()
        if not settings.MQTT_URL:
            raise CommandError(
                "Set PHOTOHUB_MQTT_URL to the broker's address, e.g. mqtt://hub:password@mosquitto:1883."
            )
        if not settings.REDIS_URL:
            raise CommandError("Set REDIS_URL: the gateway hears of new commands through Redis.")
        try:
            listener = ports.listen(
                settings.STREAM_HOST, settings.STREAM_PORT, may_move=False, setting="PHOTOHUB_STREAM"
            )
        except ports.PortTaken as error:
            raise CommandError(str(error)) from error
        uvloop.run(_run(listener))
        self.stdout.write("The gateway has stopped.")


async def _run(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    notify.bind(loop)
    frames = streams.build_frames()
    membership = Membership(claim_name(settings.PHOTOHUB_DATA))
    intake = streams.Intake(
        frames, listener, lambda code: membership.share.holds(code), lambda: membership.is_alone
    )
    gateway = Gateway(_address(), intake, membership=membership)
    task = asyncio.ensure_future(_carry(gateway, frames))
    leaving: list[asyncio.Task] = []

    def stop() -> None:
        # Asked twice, it hands nothing over.
        if leaving:
            task.cancel()
        leaving.append(asyncio.ensure_future(_leave(gateway, task)))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        pass
    finally:
        await gateway.stop()
        await asyncio.to_thread(committer.stop)
        notify.bind(None)


def _address() -> Address:
    address = Address.from_url(settings.MQTT_URL)
    return replace(address, port=settings.MQTT_GATEWAY_PORT or address.port)


async def _leave(gateway: Gateway, task: asyncio.Future) -> None:
    try:
        await gateway.leave()
    finally:
        task.cancel()


async def _carry(gateway: Gateway, frames: "streams.AnyFrames") -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(gateway.run())
        if isinstance(frames, RedisFrames):
            group.create_task(frames.run())
