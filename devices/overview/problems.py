"""What is wrong with a device, as far as its row tells, in short sentences for its owner."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from devices.events.models import Trouble
from devices.registry.camera_profiles import PROFILES
from devices.registry.models import Device

_PATIENCE = timedelta(hours=1)


def open_troubles(device_ids: list[int]) -> dict[int, list[Trouble]]:
    """Return the troubles of these devices that are not over, the last seen first, with one query."""
    found: dict[int, list[Trouble]] = {}
    for trouble in Trouble.objects.open().filter(device__in=device_ids).order_by("-last_at"):
        found.setdefault(trouble.device_id, []).append(trouble)
    return found


def problems_of(device: Device, troubles: list[Trouble], *, has_key: bool, key_used: bool) -> list[str]:
    """Return the sentences; none for a device that is fine, or too new to judge."""
    found: list[str] = []
    if not device.enabled:
        found.append(_("Turned off"))
    keyless_upload = device.issued_name_upload or bool(device.allowed_network)
    if not has_key:
        found.append(
            _("No key: it can send only without one") if keyless_upload else _("No key: it cannot log in")
        )
    elif not key_used and device.last_seen_at is None and timezone.now() - device.created_at > _PATIENCE:
        found.append(_("Key never used"))
    wants_commands = "command" in getattr(PROFILES.get(device.profile), "channels", ())
    if wants_commands and not device.takes_commands:
        found.append(_("No command topic"))
    if device.battery_is_low:
        found.append(_("Battery low: %(percent)s%%") % {"percent": device.battery_percent})
    return found + [trouble.text for trouble in troubles]
