"""`manage.py broker_setup <file>`: let the hub into Mosquitto, before Mosquitto starts."""

import json
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.mqtt.client import Address
from photohub.broker.setup import set_up_accounts


class Command(BaseCommand):
    help = (
        "Write the hub's account (user and password of PHOTOHUB_MQTT_URL) into the file of Mosquitto's "
        "dynamic-security plugin. Run it before Mosquitto starts; other accounts in the file stay."
    )
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "file", type=Path, help="the file that plugin_opt_config_file of mosquitto.conf names"
        )

    def handle(self, *args, file: Path, **options) -> None:
        address = Address.from_url(settings.MQTT_URL)
        if not address.username or not address.password:
            raise CommandError(
                "Set PHOTOHUB_MQTT_URL with a user and password: mqtt://hub:password@host:1883."
            )
        try:
            changed = set_up_accounts(file, address.username, address.password)
        except (OSError, json.JSONDecodeError) as error:
            raise CommandError(f"The accounts file {file} could not be written: {error}.") from error
        self.stdout.write(f"{file}: the hub's account {'was written' if changed else 'is as it should be'}.")
