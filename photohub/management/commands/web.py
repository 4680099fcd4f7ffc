"""`manage.py web`: one web server process, for production. More processes are more replicas."""

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from media_pipeline.nodes import here
from media_pipeline.picture_files import store
from photohub.lib.log import logs
from photohub.lib.network import ports
from photohub.start import joining, serving
from photohub.start.preparing import CannotStart


class Command(BaseCommand):
    help = "Serve pages and uploads at PHOTOHUB_HTTP; behind a reverse proxy, as many of these as you like."
    requires_system_checks = []

    def handle(self, *args, **options) -> None:
        logs.set_up()
        if not settings.DATABASE_URL or not settings.REDIS_URL:
            raise CommandError(
                "Set DATABASE_URL and REDIS_URL: web servers share them with the worker and the gateway. "
                "For one process with everything in it run `manage.py up`."
            )
        try:
            joining.join_hub()
        except CannotStart as error:
            raise CommandError(str(error)) from error
        try:
            listener = ports.listen(
                settings.HTTP_HOST, settings.HTTP_PORT, may_move=False, setting="PHOTOHUB_HTTP"
            )
        except ports.PortTaken as error:
            raise CommandError(str(error)) from error
        serving.make_room()
        with here.Beats(store.free_bytes):
            uvloop.run(serving.serve(listener))
        self.stdout.write("The web server has stopped.")
