"""`manage.py add_device`: make a device and print its key once."""

import json

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from devices.registry.camera_profiles import PROFILES
from devices.registry.models import Device
from devices.setup import adding


class Command(BaseCommand):
    help = "Add a device and print its code, key and (where there is one) device_secret, this once."

    def add_arguments(self, parser) -> None:
        parser.add_argument("code", help="2 to 32 small letters, digits and dashes")
        parser.add_argument("--profile", choices=sorted(PROFILES), default="generic")
        parser.add_argument("--name", default="", help="the name that people see")
        parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object")

    def handle(self, *args, code: str, profile: str, name: str, as_json: bool, **options) -> None:
        if Device.objects.filter(code=code).exists():
            raise CommandError(f"There is a device {code} already.")
        try:
            made = adding.add_device(code=code, name=name, profile=profile)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        facts = {"code": made.device.code, "key": made.key}
        if made.device_secret:
            facts["device_secret"] = made.device_secret
        self.stdout.write(
            json.dumps(facts) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items())
        )
