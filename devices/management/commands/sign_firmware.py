"""`manage.py sign_firmware`: write an image's manifest and sign it, on the maker's machine. Needs no database."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from devices.firmware import signing
from devices.protocol.firmware.manifest import Manifest, encode_manifest


class Command(BaseCommand):
    help = "Sign a firmware image: writes a small manifest file, which is uploaded beside the image."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("image", help="the image, exactly as the device gets it")
        parser.add_argument("--key", required=True, help="the private key's file, made by firmware_key")
        parser.add_argument("--product", required=True, help="the devices' product key, else their profile")
        parser.add_argument("--hardware", default="any", help="board revision; any: every one")
        parser.add_argument("--module", default="default", help="which processor, such as stm32")
        parser.add_argument("--version", dest="release", required=True, help="the version the device reports")
        parser.add_argument(
            "--counter", type=int, required=True, help="higher than that of every release before"
        )
        parser.add_argument("-o", "--output", help="where the manifest goes; default: IMAGE.manifest.json")

    def create_parser(self, prog_name, subcommand, **kwargs):
        # Django's own --version would take the name away from the image's version.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def handle(self, *args, image: str, key: str, output: str | None, **options) -> None:
        target = Path(output or f"{image}.manifest.json")
        try:
            manifest = _describe(Path(image), options)
            signature = signing.sign(manifest, signing.read_key_file(Path(key)))
            target.write_bytes(signing.write_manifest_file(manifest, signature))
        except (ValueError, signing.BadKey) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        self.stdout.write(f"{target}\n{encode_manifest(manifest).decode()}\nsigned with {signature.key_id}")


def _describe(image: Path, options: dict) -> Manifest:
    data = image.read_bytes()
    return Manifest(
        product=options["product"],
        hardware=options["hardware"],
        module=options["module"],
        version=options["release"],
        counter=options["counter"],
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
