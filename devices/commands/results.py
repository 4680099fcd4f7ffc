"""What devices say about a capture on their result topic: read tolerantly, since firmware relays raw HTTP answers."""

import copy
import time

from devices.protocol import light
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.pages.sentences import said

from . import queue as commands
from .models import Command

_joiners: dict[int, light.ResultJoiner] = {}
_listeners: list = []


def result(device: Device, payload: bytes) -> None:
    """Take one message of a result topic, or one piece of it: old firmware sends an answer in several."""
    presence.heard(device)
    # A copy, that takes its place only when all is done: a message that failed comes again, and must fit then too.
    joiner = copy.copy(_joiners.get(device.pk) or light.ResultJoiner())
    told = joiner.feed(payload, time.monotonic())
    if told is not None and told.code not in (None, 0):
        _fail_open_command(device, told)
    if told is not None:
        for listener in _listeners:
            listener(device, told)
    _joiners[device.pk] = joiner


def on_result(listener) -> None:
    """Let an upper room hear of results: `listener(device, result)`."""
    if listener not in _listeners:
        _listeners.append(listener)


def _fail_open_command(device: Device, result: light.Result) -> None:
    # The answer carries no name, so it is about the newest command that was sent to this device.
    command = Command.objects.open().filter(device=device).order_by("-created_at").first()
    if command is not None:
        text = result.des or result.error
        sentence = (
            said("The camera says: %(text)s", text=text) if text else said("The camera reported a failure.")
        )
        commands.fail(command, "camera_said", sentence)
