"""What lower rooms of this package ask of upper ones: each function is handed down here, and nowhere else.

`DevicesConfig.ready` calls `connect`, so every process that has started Django is wired alike, whatever it has
imported. Importing a module connects nothing.
"""

from photohub.lib.pages import timezones

from .firmware import withdrawal
from .firmware.rollouts import queue as rollouts
from .firmware.rollouts import targets
from .hub_settings import choices
from .registry import presence
from .schedules import queue as schedules


def connect() -> None:
    """Hand the functions to the rooms below. Connecting again changes nothing."""
    timezones.on_read(choices.chosen_timezone)
    presence.on_version(targets.report_version)
    presence.on_connection(schedules.order_for)
    withdrawal.on_withdrawal(rollouts.pause_firmware)
    withdrawal.on_delete(rollouts.delete_ended, rollouts.clear_ended)
