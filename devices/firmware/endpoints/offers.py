"""What a device that asks by itself should fetch now, after it has said what runs.

It asks again because it is on its way, or because something went wrong; nobody tells the two apart but time. So
a device that asks while its bytes flow is left alone, and any other one has used up a try.
"""

from datetime import timedelta

from django.utils import timezone

from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import RolloutTarget, TargetState
from devices.firmware.rollouts.targets import Offer
from devices.registry.models import Device

_FLOWING_S = 15


def ask(device: Device, module: str, version: str, door: str) -> Offer | None:
    """Take the version that a module says it runs, and return what it should fetch."""
    target = targets.find_active(device, module)
    if target is None or version == target.rollout.firmware.version:
        targets.report_version(device, module, version)
        target = None
    if target is not None:
        if _is_flowing(target):
            return Offer(target.rollout.firmware, target, target.token, again=True)
        if _has_tried_enough(target):
            targets.note_failed(target, "old_version")
            return None
    return targets.next_offer(device, module, door)


def _is_flowing(target: RolloutTarget) -> bool:
    lately = timezone.now() - timedelta(seconds=_FLOWING_S)
    return target.state == TargetState.DOWNLOADING and bool(target.heard_at) and target.heard_at > lately


def _has_tried_enough(target: RolloutTarget) -> bool:
    """Tell whether the last try has failed though the whole image was fetched, which is another reason than too many tries."""
    again = timezone.now() - timedelta(seconds=targets.SAME_TRY_S)
    used_up = target.offers >= target.rollout.offers_at_most
    return used_up and target.percent >= 100 and bool(target.last_offer_at) and target.last_offer_at < again
