"""`manage.py backup`: everything of this hub, into a folder or a tar file, while it runs."""

import sys
import tempfile
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from media_pipeline.nodes import here
from photohub.backup.backing_up import CannotBackUp, back_up


class Command(BaseCommand):
    help = "Back up database, pictures and secret key. A folder is filled by what is new; a name in .tar is one file."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("target", help="a folder, or a file that ends with .tar; best on another disk")

    def handle(self, *args, target: str, **options) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="photohub-backup-") as workspace:
                report = back_up(Path(target), Path(workspace), here.holds)
        except (CannotBackUp, OSError, here.NodeRefused) as error:
            raise CommandError(f"No backup was made. {error}") from error
        self.stdout.write(f"{report.pictures:,} pictures are in {target}, {report.new:,} of them new.")
        if report.images:
            self.stdout.write(f"{report.images:,} firmware images are in it.")
        if report.freed:
            self.stdout.write(f"{report.freed:,} pictures are in the mirror only, and not in the backup.")
        if report.elsewhere:
            self.stdout.write(
                f"{report.elsewhere:,} pictures are on the hub's other machines, and not in it: back up each of them."
            )
        if report.images_elsewhere:
            self.stdout.write(
                f"{report.images_elsewhere:,} firmware images are on other machines, and not in it."
            )
        if report.missing:
            self.stderr.write(f"{len(report.missing):,} files are not here, such as {report.missing[0]}.")
            self.stderr.write("Run verify.")
            sys.exit(1)
