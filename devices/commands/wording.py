"""What a command may tell of itself."""

from devices.access.rights import Action, can

from .models import Command


def name_shown(user, command: Command) -> str:
    """Return a command's picture name; nothing while it is open to whoever may not command the device.

    Until the picture is here the name is a proof: whoever knows it can upload as that camera.
    """
    hidden = command.state in Command.OPEN and not can(user, Action.COMMAND, command)
    return "" if hidden else command.name
