"""`manage.py firmware_key`: make the pair of keys that firmware is signed with. Needs no database."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.firmware import signing
from devices.protocol.firmware.manifest import key_id


class Command(BaseCommand):
    help = "Make a key pair for firmware: the private half into a new file, the public half on the screen."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("file", help="where the private key goes; keep it off the hub")

    def handle(self, *args, file: str, **options) -> None:
        path = Path(file)
        if path.resolve().is_relative_to(settings.PHOTOHUB_DATA.resolve()):
            raise CommandError(
                "The private key may not lie in the hub's data folder: who takes the hub could sign firmware."
            )
        try:
            public_key = signing.make_key_file(path)
        except FileExistsError as error:
            raise CommandError(f"{path} exists already and was left alone. Choose another name.") from error
        except OSError as error:
            raise CommandError(f"{path} could not be written: {error.strerror}.") from error
        self.stdout.write(f"private key: {path}\npublic key: {public_key.hex()}\nkey: {key_id(public_key)}")
