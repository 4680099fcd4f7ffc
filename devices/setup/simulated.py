"""Simulated devices: how they are told from real ones, and how all of them go at once."""

from django.db.models import QuerySet

from devices.firmware import images
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import Rollout
from devices.registry.models import Device, DeviceGroup
from devices.registry.removing import remove_device
from photohub.lib.messaging import notify

# Who runs simulated devices listens to this group.
GROUP = "simulators"
# Firmware of this product is for simulated boards alone.
PRODUCT = "demo-meter"
KEY_NAME = "Demo"
# The demo makes this group for its devices.
DEVICE_GROUP = "Demo"


def devices() -> QuerySet[Device]:
    """Return all simulated devices."""
    return Device.objects.filter(simulated=True)


def remove_all(user=None) -> int:
    """Remove all simulated devices with their pictures, firmware and group. Returns how many devices there were."""
    going = list(devices())
    groups = {device.group_id for device in going}
    notify.send(GROUP, [{"type": "simulator.remove", "device": d.code} for d in going])
    for rollout in Rollout.objects.filter(firmware__product=PRODUCT, state__in=Rollout.OPEN):
        rollouts.cancel(rollout, user)
    for device in going:
        remove_device(device, user)
    for firmware in Firmware.objects.filter(product=PRODUCT):
        images.delete_firmware(firmware, user)
    SigningKey.objects.filter(name=KEY_NAME, added_by=None).delete()
    # It stays where somebody put a device of his own into it, or let somebody see it.
    DeviceGroup.objects.filter(pk__in=groups, name=DEVICE_GROUP, devices=None, membership=None).delete()
    return len(going)
