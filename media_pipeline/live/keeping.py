"""Keeping a frame of a stream because somebody asked for it, for pages and the API."""

from django.utils.translation import gettext as _

from devices.registry.models import Device
from photohub.lib.messaging import notify

from . import now as live_now

KEEP_WITHIN_S = 30


class CannotKeep(Exception):
    """No frame can be kept; the text says why, for people."""


def keep_next(device: Device) -> None:
    """Ask the gateway to make a capture of the device's next frame. Raises CannotKeep."""
    if not device.enabled:
        raise CannotKeep(_("The camera is turned off."))
    if not live_now.stats_of([device.code]):
        raise CannotKeep(_("This camera has sent no frame recently, so there is none to keep."))
    notify.send(notify.GATEWAY, [{"type": "gateway.keep", "device": device.code}])
