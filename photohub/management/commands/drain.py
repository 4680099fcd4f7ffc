"""`manage.py drain`: empty this machine, so that it can be switched off for good."""

import time
from datetime import UTC

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from media_pipeline.node_files import leaving
from media_pipeline.nodes import here
from photohub.lib.log import logs
from photohub.lib.pages.times.wording import stamp

_LOOK_EVERY_S = 1.0
_SAY_EVERY_S = 10.0
# An upload that began before takes at most as long as its body may, and its answer.
_ANSWER_S = 10.0
_SHOWN_AT_MOST = 100


class Command(BaseCommand):
    help = "Take no more pictures on this machine, copy what only it has, and say when it is empty."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--cancel", action="store_true", help="take pictures again")
        parser.add_argument(
            "--within", type=int, default=0, metavar="SECONDS", help="give up after so long (0: never)"
        )

    def handle(self, *args, cancel: bool, within: int, **options) -> None:
        logs.set_up()
        if not here.is_one_of_several():
            raise CommandError("PHOTOHUB_NODE_URL is empty: this machine is the whole hub.")
        try:
            here.join()
            if cancel:
                leaving.stop_draining()
                self.stdout.write("This machine takes pictures again.")
                return
            leaving.begin_draining()
        except (here.NodeRefused, leaving.CannotLeave) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            "This machine is no longer ready (/readyz), so that the proxy leaves it; "
            f"after {here.LEAVE_AFTER_S:.0f} s it takes no more pictures."
        )
        self._wait(time.monotonic() + within if within else float("inf"))

    def _wait(self, until_s: float) -> None:
        quiet_s = time.monotonic() + here.BEAT_S + here.LEAVE_AFTER_S + settings.UPLOAD_TIMEOUT_S + _ANSWER_S
        said_s = 0.0
        while (left := leaving.what_is_left()) or time.monotonic() < quiet_s:
            if left.failed and not (left.waiting or left.removals) and time.monotonic() >= quiet_s:
                self._say_failed()
            if time.monotonic() > until_s:
                raise CommandError(f"It is not empty yet: {_in_words(left)}. It goes on; call this again.")
            if time.monotonic() - said_s >= _SAY_EVERY_S:
                said_s = time.monotonic()
                self.stdout.write(f"{_in_words(left)} …")
                self.stdout.flush()
            time.sleep(_LOOK_EVERY_S)
        if not leaving.note_empty():
            raise CommandError("Somebody had this machine take pictures again.")
        self.stdout.write(
            "This machine is empty: every picture is in the object store. Stop it, then run manage.py forget_node "
            "with its name on another machine."
        )

    def _say_failed(self) -> None:
        for row in leaving.failed_here()[:_SHOWN_AT_MOST]:
            capture = row.capture
            self.stdout.write(
                f"{stamp(capture.received_at, UTC, seconds=True)}  {capture.device.code}  {capture.name}: {row.error_text}"
            )
        raise CommandError(
            "These pictures could not be copied. Mend what is said of them and press Retry on the status page, or delete "
            "them; then call this again."
        )


def _in_words(left: leaving.Left) -> str:
    return f"{left.waiting} to copy, {left.failed} given up, {left.removals} to remove"
