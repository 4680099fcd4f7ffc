"""What every page of one device shows around itself."""

from django.http import HttpRequest

from devices.access.rights import Action, can
from photohub.lib.pages.middleware import ROOM

from . import presence
from .camera_profiles import PROFILES
from .disclosure import name_groups
from .models import Device


def frame_of(request: HttpRequest, device: Device, tab: str) -> dict:
    """Return what every tab shows around itself."""
    if not device.is_camera:
        request.META[ROOM] = "panels"
    may_command = can(request.user, Action.COMMAND, device)
    name_groups(request.user, [device])
    can_command = may_command and device.takes_commands and device.enabled
    return {
        "device": device,
        "tab": tab,
        "may_command": may_command,
        "takes_pictures": device.takes_pictures,
        "is_camera": device.is_camera,
        "profile": PROFILES[device.profile].label if device.profile in PROFILES else device.profile,
        "can_command": can_command,
        "deaf": presence.why_deaf(device) if can_command else None,
        "can_manage": can(request.user, Action.MANAGE, device),
    }
