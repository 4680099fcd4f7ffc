"""`manage.py forget_node`: declare a machine of the hub lost, or one that was emptied gone."""

from datetime import UTC

from django.core.management.base import BaseCommand, CommandError

from media_pipeline.mirror import uncopied
from media_pipeline.node_files import leaving
from media_pipeline.nodes import here
from photohub.lib.log import logs
from photohub.lib.pages.times.wording import stamp


class Command(BaseCommand):
    help = "Declare a silent machine lost: list what only it had, and let this machine take over the rest."

    def add_arguments(self, parser) -> None:
        parser.add_argument("name", help="the machine's name, as on the status page")
        parser.add_argument(
            "--yes", action="store_true", help="do it; without this it is only listed what would be lost"
        )

    def handle(self, *args, name: str, yes: bool, **options) -> None:
        logs.set_up()
        if not here.is_one_of_several():
            raise CommandError("PHOTOHUB_NODE_URL is empty: this machine is the whole hub.")
        try:
            here.join()
            node = leaving.find_lost(name)
            self._list(uncopied.only_on(node.mark))
            if not yes:
                raise CommandError(
                    f"Nothing was changed. If {name} will never be back, call this again with --yes."
                )
            lost = leaving.forget_node(node)
        except (here.NodeRefused, leaving.CannotLeave) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The machine {name} was declared lost, and {lost} pictures with it.")

    def _list(self, rows: list) -> None:
        for row in rows:
            capture = row.capture
            self.stdout.write(
                f"{stamp(capture.received_at, UTC, seconds=True)}  {capture.device.code}  {capture.name}"
            )
        self.stdout.write(f"{len(rows)} pictures are on no other disk and not in the object store.")
