"""`manage.py restore`: a backup back into an empty data folder."""

import sys
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from photohub.backup.restoring import CannotRestore, restore


class Command(BaseCommand):
    help = "Restore a backup into an empty data folder; every file is proved by its SHA-256."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("source", help="the backup: a folder, or a tar file")
        parser.add_argument("--into", help="the data folder; PHOTOHUB_DATA when not given")

        parser.add_argument(
            "--files",
            action="store_true",
            help="leave the database alone: of several machines one lost its disk, and the hub lives on",
        )

    def handle(self, *args, source: str, into: str | None, files: bool, **options) -> None:
        data = Path(into or settings.PHOTOHUB_DATA)
        try:
            done = restore(Path(source), data, files_only=files)
        except (CannotRestore, OSError) as error:
            raise CommandError(f"The backup was not restored. {error}") from error
        self.stdout.write(
            f"{done.pictures:,} pictures of {done.made_at} (PhotoHub {done.version}) are in {data}."
        )
        if done.damaged:
            self.stderr.write(f"{len(done.damaged):,} are damaged in the backup, such as {done.damaged[0]}.")
            self.stderr.write(
                "Start PhotoHub and run verify --repair: what the mirror has comes back from there."
            )
            sys.exit(1)
