"""Keeping a frame of a stream because somebody asked for it, for pages and the API."""

from django.db import transaction
from django.utils.translation import gettext as _

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.registry.models import Device
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import said

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
    with transaction.atomic():
        audit.note(
            Word.REQUESTED, Kind.PICTURE, device.code, device.name, said("The next frame of its stream.")
        )
    notify.send(notify.GATEWAY, [{"type": "gateway.keep", "device": device.code}])
