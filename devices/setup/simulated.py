"""Simulated devices: how they are told from real ones, and how all of them go at once."""

import time

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_noop, override

from devices.access.groups import DeviceGroup
from devices.firmware import images
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import Rollout
from devices.registry.models import Device
from devices.registry.removing import remove_device
from photohub.lib.messaging import notify

# Who runs simulated devices listens to this group.
GROUP = "simulators"
# Firmware of this product is for simulated boards alone.
PRODUCT = "demo-meter"
KEY_NAME = "Demo"
# The demo makes this group for its devices, under this name in one of the hub's languages.
DEVICE_GROUP = gettext_noop("Demo")
_AT_ONCE_S = 1.0


def devices() -> QuerySet[Device]:
    """Return all simulated devices."""
    return Device.objects.filter(simulated=True)


def in_every_language(name: str) -> set[str]:
    """Return the words that this message of the catalogue has."""
    words = set()
    for language, _label in settings.LANGUAGES:
        with override(language):
            words.add(gettext(name))
    return words


def remove_all(user=None) -> int:
    """Remove all simulated devices with their pictures, firmware and group. Returns how many devices there were."""
    going = list(devices())
    groups = list(DeviceGroup.objects.holding(devices()).values_list("pk", flat=True))
    notify.send(GROUP, [{"type": "simulator.remove", "device": d.code} for d in going])
    for rollout in Rollout.objects.filter(firmware__product=PRODUCT, state__in=Rollout.OPEN):
        rollouts.cancel(rollout, user)
    # Together they are answered as quickly as one.
    until_s = time.monotonic() + _AT_ONCE_S
    for device in going:
        remove_device(device, user, within_s=until_s - time.monotonic())
    for firmware in Firmware.objects.filter(product=PRODUCT):
        images.delete_firmware(firmware, user)
    SigningKey.objects.filter(name=KEY_NAME, added_by=None).delete()
    # It stays where somebody put a device of his own into it, or let somebody see it.
    names = in_every_language(DEVICE_GROUP)
    DeviceGroup.objects.filter(pk__in=groups, name__in=names, devices=None, membership=None).delete()
    return len(going)
