"""All that a sleeping camera needs, in the answer to its upload: the one-wake exchange.

Only for devices that ask for it (`Device.one_wake`); nobody else's answer changes, nor costs more.
"""

import json

from django.utils import timezone

from devices.commands import queue as commands
from devices.firmware.rollouts import targets
from devices.protocol import one_wake
from devices.protocol.one_wake import Extras
from devices.registry.models import Device
from photohub.lib.pages.timezones import hub_timezone

CHECK_URL = "/api/v1/ota/check"


def extend_answer(answer: bytes, device: Device, *, repeated: bool = False) -> bytes:
    """Return the answer to a stored picture with what the hub has for this device.

    `repeated`: the camera sent the picture before, so it may not have got the answer of then.
    """
    return one_wake.extend(answer, _find_extras(answer, device, repeated))


def _find_extras(answer: bytes, device: Device, repeated: bool) -> Extras:
    now = timezone.now()
    waiting = targets.waiting_version(device)
    return Extras(
        command=_take_command(device, repeated) if one_wake.has_room_for_command(answer) else {},
        sleep_s=device.reporting_interval_s,
        time_ms=round(now.timestamp() * 1000),
        zone=one_wake.zone_of(now.astimezone(hub_timezone()).utcoffset()),
        firmware_version=waiting,
        firmware_url=CHECK_URL if waiting else "",
    )


def _take_command(device: Device, repeated: bool) -> dict:
    command = commands.claim_for_answer(device, again=repeated)
    return json.loads(commands.payload_of(command)) if command is not None else {}
