"""Names of the demo's devices, their group and captions: in the first owner's language, as soon as he is heard."""

import locale

from django.db import transaction
from django.utils.translation import gettext, override

from devices.access.groups import DeviceGroup
from devices.events import record as events
from devices.events.models import EventType
from devices.hub_settings import choices
from devices.panels.playlists.models import PlaylistItem
from devices.registry.models import Device
from devices.setup import simulated
from devices.setup.simulated import DEVICE_GROUP

from .cast import BOARD_NAME, BOARDS, CAMERAS, PANEL, PI

_NAMES = {camera.code: camera.name for camera in CAMERAS} | dict((PANEL, PI))
_NUMBERS = dict(BOARDS)
CODES = (*_NAMES, *_NUMBERS)


def language() -> str:
    """Return the first owner's language, and this machine's until he is heard."""
    spoken = locale.getlocale(locale.LC_CTYPE)[0] or ""
    return choices.chosen_language() or ("zh-hans" if spoken.lower().startswith(("zh", "chinese")) else "en")


def name_of(code: str) -> str:
    """Return the name of a device of the demo in the language that is active."""
    if code in _NUMBERS:
        return gettext(BOARD_NAME) % {"number": _NUMBERS[code]}
    return gettext(_NAMES[code])


def rename() -> None:
    """Translate every name to the owner's language, but for those that somebody changed."""
    with transaction.atomic(), override(language()):
        cameras = simulated.devices().filter(code__in=CODES)
        for device in [device for device in cameras.order_by("pk") if _is_in_another_language(device)]:
            # Playlists before devices, as everywhere.
            captions = PlaylistItem.objects.filter(camera=device, caption=device.name)
            captions.update(caption=name_of(device.code))
            Device.objects.filter(pk=device.pk).update(name=name_of(device.code))
            events.record(EventType.DEVICE_CHANGED, device=device)
        groups = DeviceGroup.objects.filter(name__in=simulated.in_every_language(DEVICE_GROUP))
        if not groups.filter(name=gettext(DEVICE_GROUP)).exists():
            groups.holding(cameras).update(name=gettext(DEVICE_GROUP))


def _is_in_another_language(device: Device) -> bool:
    message = BOARD_NAME if device.code in _NUMBERS else _NAMES[device.code]
    names = {name % {"number": _NUMBERS.get(device.code)} for name in simulated.in_every_language(message)}
    return device.name in names - {name_of(device.code)}
