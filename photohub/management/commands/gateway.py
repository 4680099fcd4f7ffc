"""`manage.py gateway`: the MQTT gateway as its own process, for production."""

import asyncio
import signal

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.mqtt import Address
from photohub.gateway import Gateway
from photohub.lib import live, logs


class Command(BaseCommand):
    help = "Run the MQTT gateway against the broker at PHOTOHUB_MQTT_URL."

    def handle(self, *args, **options) -> None:
        logs.set_up()
        if not settings.MQTT_URL:
            raise CommandError(
                "Set PHOTOHUB_MQTT_URL to the broker's address, e.g. mqtt://hub:password@mosquitto:1883."
            )
        if not settings.REDIS_URL:
            raise CommandError("Set REDIS_URL: the gateway hears of new commands through Redis.")
        uvloop.run(_run())
        self.stdout.write("The gateway has stopped.")


async def _run() -> None:
    loop = asyncio.get_running_loop()
    live.bind(loop)
    task = asyncio.ensure_future(Gateway(Address.from_url(settings.MQTT_URL)).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        pass
    finally:
        live.bind(None)
