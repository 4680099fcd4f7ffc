"""All that a sleeping camera needs, in the answer to its upload: the one-wake exchange.

Only for devices that ask for it (`Device.one_wake`); nobody else's answer changes, nor costs more.
"""

import json

from django.utils import timezone

from devices.commands import queue as commands
from devices.firmware.rollouts import targets
from devices.protocol import one_wake
from devices.protocol.camera_settings import encode_restart
from devices.protocol.one_wake import Extras
from devices.registry.models import Device
from photohub.lib.pages.timezones import hub_timezone

from . import queue
from .models import CameraSettings, RestartState

CHECK_URL = "/api/v1/ota/check"


def extend_answer(
    answer: bytes, device: Device, *, repeated: bool = False, settings_version: int | None = None
) -> bytes:
    """Return the answer to a stored picture with what the hub has for this device.

    `repeated`: the camera sent the picture before, so it may not have got the answer of then. `settings_version`: the
    settings that the camera says it has.
    """
    row = CameraSettings.objects.filter(device=device.pk).first()
    if row is not None:
        row.device = device
        if settings_version is not None:
            queue.note_version(row, settings_version)
            row.refresh_from_db()
    extras = _find_extras(answer, device, row, repeated)
    longer = one_wake.extend(answer, extras)
    if row is not None and extras.settings and b'"settings":' in longer:
        queue.note_told(row)
    return longer


def _find_extras(answer: bytes, device: Device, row: CameraSettings | None, repeated: bool) -> Extras:
    now = timezone.now()
    waiting = targets.waiting_version(device)
    wished = row.desired if row is not None else {}
    return Extras(
        command=_take_order(device, row, repeated) if one_wake.has_room_for_command(answer) else {},
        settings_version=row.version if row is not None and row.version else None,
        settings=wished if row is not None and row.wish_state in CameraSettings.UNSETTLED else {},
        sleep_s=_sleep_s(device, wished),
        time_ms=round(now.timestamp() * 1000),
        zone=one_wake.zone_of(now.astimezone(hub_timezone()).utcoffset()),
        firmware_version=waiting,
        firmware_url=CHECK_URL if waiting else "",
    )


def _sleep_s(device: Device, wished: dict) -> int:
    return wished.get("sleep_s", device.reporting_interval_s)


def _take_order(device: Device, row: CameraSettings | None, repeated: bool) -> dict:
    command = commands.claim_for_answer(device, again=repeated)
    if command is not None:
        return json.loads(commands.payload_of(command))
    # A picture first: behind a restart nobody would know what became of it.
    if row is not None and row.restart_state == RestartState.WAITING and queue.claim_restart(row):
        return json.loads(encode_restart(row.restart_name))
    return {}
