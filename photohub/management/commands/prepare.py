"""`manage.py prepare`: make folders, database and static files ready, before the services start."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.access import rights
from photohub.accounts import first_owner
from photohub.lib.log import logs
from photohub.lib.network import site
from photohub.start import first_owner as start_first_owner
from photohub.start.preparing import CannotStart, prepare, prepare_files


class Command(BaseCommand):
    help = "Bring folders, database and static files up to date; make the owner of DJANGO_SUPERUSER_*."
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--files", action="store_true", help="only what needs no database")

    def handle(self, *args, files: bool, **options) -> None:
        logs.set_up()
        if files:
            prepare_files(self.stdout.write)
            return
        if settings.PHOTOHUB_ENV == "production":
            # A hub with the password of an example must not come up at all.
            self.check()
        try:
            prepare(self.stdout.write)
            start_first_owner.make_owner_from_environment()
        except CannotStart as error:
            raise CommandError(str(error)) from error
        if not rights.owner_exists():
            self.stdout.write("Nobody owns this hub yet. Open this link once to become its owner:")
            self.stdout.write(f"{site.base_url()}/setup/{first_owner.link_token()}")
        self.stdout.write("PhotoHub is prepared.")
