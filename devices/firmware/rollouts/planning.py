"""Which devices an image fits, in which order they get it, and what holds a device up.

A device's product is its product key, else its profile. A hindrance is a stable word; `reasons` makes sentences:

    for good    product hardware counter already
    for now     disabled draft paused ended step rate busy link_unknown link_broken broken
"""

import random
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from devices.firmware.checking import ANY_HARDWARE
from devices.firmware.errors import RolloutError
from devices.firmware.models import Firmware, FirmwareState
from devices.registry.models import Device

from . import link_check
from .models import Rollout, RolloutState, RolloutTarget

DEFAULT_STEPS = (
    {"devices": 1, "percent": 0, "soak_s": 60},
    {"devices": 0, "percent": 10, "soak_s": 60},
    {"devices": 0, "percent": 100, "soak_s": 0},
)
STEPS_AT_MOST = 20
SOAK_S = (0, 30 * 24 * 3600)
RATE_PER_MINUTE = (0, 100_000)
ERROR_PERCENT = (1, 100)
ERROR_MINIMUM = (1, 100_000)
ERROR_COUNT = (0, 100_000)
DEADLINE_S = (30, 7 * 24 * 3600)
OFFERS_AT_MOST = (1, 100)
# Endpoints at which the device asked us itself prove the way; over MQTT the hub hands out an address unasked.
DOORS_THAT_HAND_OUT_LINKS = {"aliyun", "mqtt"}
# What keeps every device of a rollout from its offer for now.
FOR_ALL = {"draft", "paused", "ended", "broken", "rate", "link_unknown", "link_broken"}
FOR_GOOD = {"product", "hardware", "counter", "already"}

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a rollout goes; see the model for what each figure means."""

    steps: tuple[dict, ...] = DEFAULT_STEPS
    rate_per_minute: int = 0
    error_percent: int = 10
    error_minimum: int = 5
    error_count: int = 0
    deadline_s: int = 1800
    offers_at_most: int = 5
    allow_rollback: bool = False


def read_steps(given: list) -> tuple[dict, ...]:
    """Read steps as people write them: percents, or objects with percent or devices and soak_s. Raises RolloutError."""
    steps = tuple(_read_step(step) for step in given)
    if not 1 <= len(steps) <= STEPS_AT_MOST or steps[-1]["percent"] != 100:
        sentence = _("Enter 1 to %(most)d steps; the last one is 100 percent.")
        raise RolloutError("steps", sentence % {"most": STEPS_AT_MOST})
    percents = [step["percent"] for step in steps if step["percent"]]
    if percents != sorted(set(percents)):
        sentence = _("The percent of each step must be higher than that of the step before.")
        raise RolloutError("steps", sentence)
    return steps


def _read_step(step: object) -> dict:
    fields = {"percent": step} if isinstance(step, int) else step
    if not isinstance(fields, dict) or fields.keys() - {"percent", "devices", "soak_s"}:
        sentence = _("A step is a percent, or an object of percent or devices, and soak_s.")
        raise RolloutError("steps", sentence)
    percent, devices, soak_s = (fields.get(name, 0) for name in ("percent", "devices", "soak_s"))
    whole = all(type(value) is int and value >= 0 for value in (percent, devices, soak_s))
    if not whole or percent > 100 or bool(percent) == bool(devices) or soak_s > SOAK_S[1]:
        sentence = _("A step needs 1 to 100 percent or at least 1 device; soak_s is at most 30 days.")
        raise RolloutError("steps", sentence)
    return {"devices": devices, "percent": percent, "soak_s": soak_s}


def split(steps: tuple[dict, ...], total: int) -> tuple[list[dict], list[int]]:
    """Return the steps that bring devices in, and for each of `total` positions the step in which it comes."""
    kept: list[dict] = []
    step_of: list[int] = []
    for step in steps:
        reach = min(total, step["devices"] or -(-total * step["percent"] // 100))
        if reach > len(step_of):
            step_of += [len(kept)] * (reach - len(step_of))
            kept.append(step)
    return kept, step_of


def in_order(devices: list[Device]) -> list[Device]:
    """Draw the order: by lot, but those that can be reached first, since a canary must be able to sing."""
    drawn = _random.sample(devices, len(devices))
    return sorted(drawn, key=lambda device: not device.online)


def product_of(device: Device) -> str:
    return device.product_key or device.profile


def running_version(device: Device, module: str) -> str:
    """Return the version that a module last reported, or nothing."""
    version = device.modules.get(module, "")
    return version or (device.firmware_version if module == "default" else "")


def counters_of(firmware: Firmware) -> dict[str, int]:
    """Return the highest counter of each version that the hub knows for this image's product and module."""
    rows = Firmware.objects.filter(product=firmware.product, module=firmware.module)
    return dict(rows.order_by("counter").values_list("version", "counter"))


def misfit(
    device: Device, firmware: Firmware, *, rollback: bool = False, counters: dict[str, int] | None = None
) -> str:
    """Return why this image is not for this device, or nothing: a word of FOR_GOOD.

    Who asks for many devices hands in `counters_of` the image.
    """
    if firmware.product != product_of(device):
        return "product"
    if firmware.hardware not in ("", ANY_HARDWARE, device.hardware):
        return "hardware"
    version = running_version(device, firmware.module)
    if version == firmware.version:
        return "already"
    if not version or rollback:
        return ""
    counter = (counters_of(firmware) if counters is None else counters).get(version)
    if counter is not None and firmware.counter <= counter:
        return "counter"
    return ""


_NOT_RUNNING: dict[str, str] = {RolloutState.DRAFT: "draft", RolloutState.PAUSED: "paused"}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the database says of several devices of one rollout: counters by version, who is busy, the rate."""

    counters: dict[str, int]
    busy: frozenset[int]
    rate_is_used_up: bool


def look_at(rollout: Rollout, targets: list[RolloutTarget]) -> Outlook:
    """Ask at once what `hindrance` would ask for each of these devices."""
    firmware = rollout.firmware
    others = RolloutTarget.objects.active().filter(
        device__in=[target.device_id for target in targets], module=firmware.module
    )
    busy = others.exclude(rollout=rollout).values_list("device", flat=True)
    return Outlook(counters_of(firmware), frozenset(busy), rate_is_used_up(rollout))


def hindrance(target: RolloutTarget, door: str = "", seen: Outlook | None = None) -> str:
    """Return what keeps a waiting device from its offer at this endpoint right now, or nothing."""
    rollout = target.rollout
    if not target.device.enabled:
        return "disabled"
    if rollout.state != RolloutState.RUNNING:
        return _NOT_RUNNING.get(rollout.state, "ended")
    if rollout.firmware.state != FirmwareState.PUBLISHED:
        return "broken"
    if target.step > rollout.step:
        return "step"
    counters = seen.counters if seen else None
    if found := misfit(target.device, rollout.firmware, rollback=rollout.allow_rollback, counters=counters):
        return found
    if target.device_id in seen.busy if seen else _is_busy(target):
        return "busy"
    if door in DOORS_THAT_HAND_OUT_LINKS and (found := link_check.hindrance()):
        return found
    return "rate" if (seen.rate_is_used_up if seen else rate_is_used_up(rollout)) else ""


def _is_busy(target: RolloutTarget) -> bool:
    others = RolloutTarget.objects.active().filter(device=target.device_id, module=target.module)
    return others.exclude(pk=target.pk).exists()


def rate_is_used_up(rollout: Rollout) -> bool:
    """Tell whether as many devices as one minute may bring were first offered it within the last one."""
    if not rollout.rate_per_minute:
        return False
    since = timezone.now() - timedelta(minutes=1)
    lately = RolloutTarget.objects.filter(rollout=rollout, offered_at__gt=since)
    return lately.count() >= rollout.rate_per_minute
