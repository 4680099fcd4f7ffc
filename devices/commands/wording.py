"""What a command may tell of itself."""

from django.utils.translation import gettext_noop as _

from devices.access.rights import Action, can

from .models import Command

# What an older hub wrote into its rows, which are told in the reader's language as well.
FORMER = (_("Camera heard nothing: offline since %(time)s UTC."),)


def name_shown(user, command: Command) -> str:
    """Return a command's picture name; nothing while it is open to whoever may not command the device.

    Until the picture is here the name is a proof: whoever knows it can upload as that camera.
    """
    hidden = command.state in Command.OPEN and not can(user, Action.COMMAND, command)
    return "" if hidden else command.name
