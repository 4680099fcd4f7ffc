"""What devices say about a capture on their result topic: read tolerantly, since firmware relays raw HTTP answers."""

import time

from django.utils.translation import gettext as _

from . import commands, presence
from .models import Command, Device
from .protocol import light

_joiners: dict[int, light.ResultJoiner] = {}
_listeners: list = []


def result(device: Device, payload: bytes) -> None:
    """Take one message of a result topic, or one piece of it: old firmware sends an answer in several."""
    presence.heard(device)
    joiner = _joiners.setdefault(device.pk, light.ResultJoiner())
    said = joiner.feed(payload, time.monotonic())
    if said is None:
        return
    if said.code not in (None, 0):
        _fail_open_command(device, said)
    for listener in _listeners:
        listener(device, said)


def on_result(listener) -> None:
    """Let an upper room hear of results: `listener(device, result)`."""
    if listener not in _listeners:
        _listeners.append(listener)


def _fail_open_command(device: Device, said: light.Result) -> None:
    # The answer carries no name, so it is about the newest command that was sent to this device.
    command = Command.objects.open().filter(device=device).order_by("-created_at").first()
    if command is not None:
        commands.fail(
            command, _("The camera says: %(text)s") % {"text": said.des or said.error or _("it failed")}
        )
