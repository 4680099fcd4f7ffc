"""`manage.py up`: PhotoHub in one process."""

import asyncio
import os
import socket
import sys

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.access import rights
from photohub.accounts import first_owner
from photohub.embedded.broker import PortTaken as BrokerPortTaken
from photohub.embedded.hub import Hub
from photohub.env import READ
from photohub.lib.files import one_instance
from photohub.lib.log import logs
from photohub.lib.network import ports, site
from photohub.start import first_owner as start_first_owner
from photohub.start import joining, serving
from photohub.start.banner import banner
from photohub.start.preparing import CannotStart, prepare


class Command(BaseCommand):
    help = "Start PhotoHub in this one process: pages, uploads, MQTT broker, worker."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--demo",
            action="store_true",
            help="run invented cameras, boards and a panel, with a month of pictures, so that there is something to see",
        )

    def handle(self, *args, demo: bool, **options) -> None:
        logs.set_up()
        if not one_instance.claim(settings.PHOTOHUB_DATA):
            raise CommandError(
                f"Another PhotoHub already runs on {settings.PHOTOHUB_DATA}. Stop it, or set PHOTOHUB_DATA."
            )
        if settings.NODE_URL:
            raise CommandError(
                "PHOTOHUB_NODE_URL makes this one of several machines, each of which runs `manage.py web` and a worker. "
                "Unset it to run everything in one process."
            )
        try:
            prepare(self._say)
            joining.join_hub()
            start_first_owner.make_owner_from_environment()
            http = ports.listen(
                settings.HTTP_HOST,
                settings.HTTP_PORT,
                may_move=_is_default("PHOTOHUB_HTTP"),
                setting="PHOTOHUB_HTTP",
            )
            stream = ports.listen(
                settings.STREAM_HOST,
                settings.STREAM_PORT,
                may_move=_is_default("PHOTOHUB_STREAM"),
                setting="PHOTOHUB_STREAM",
            )
            mqtt = self._mqtt_address()
        except (CannotStart, ports.PortTaken) as error:
            raise CommandError(str(error)) from error
        self._run(http, stream, mqtt, demo)

    def _mqtt_address(self) -> tuple[str, int]:
        if settings.MQTT_URL:
            return settings.MQTT_HOST, 0
        move = _is_default("PHOTOHUB_MQTT")
        port = ports.free_port(settings.MQTT_HOST, settings.MQTT_PORT, may_move=move, setting="PHOTOHUB_MQTT")
        return settings.MQTT_HOST, port

    def _run(self, http: socket.socket, stream: socket.socket, mqtt: tuple[str, int], demo: bool) -> None:
        site.use_port(http.getsockname()[1])
        site.use_mqtt_port(mqtt[1])
        site.use_stream_port(stream.getsockname()[1])
        serving.make_room()
        token = None if rights.owner_exists() else first_owner.link_token()
        hub = Hub(http, stream, mqtt, lambda hub: self._say(banner(demo=demo, owner_token=token)), demo)
        try:
            asyncio.run(hub.run(), loop_factory=uvloop.new_event_loop) if sys.version_info >= (
                3,
                12,
            ) else uvloop.run(hub.run())
        except BrokerPortTaken as error:
            raise CommandError(str(error)) from error
        self._say("PhotoHub has stopped.")
        if not hub.ended_all:
            # Python would wait for the thread of a task that hangs, for as long as the other side keeps it waiting.
            os._exit(0)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _is_default(name: str) -> bool:
    return READ[name].source == "default"
