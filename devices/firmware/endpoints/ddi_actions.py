"""What hawkBit's device API says of a device's updates, in terms of the rollout's rows.

An action is a target; its number is the row's. A device has heard of the end of its action when `heard_at` is not
before `finished_at`: until then a cancelled one stays linked to be stopped, and a proved one to be closed, because
swupdate forgets the result that it cannot report. What a device has closed with success is linked no more, or it
would be installed again; it is proved by the version that the device then tells, because it is asked.
"""

from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from devices.firmware.rollouts import targets
from devices.firmware.rollouts.models import RolloutTarget, TargetState
from devices.protocol.firmware.ddi import Artifact, Chunk, ConfigData, Feedback, file_name
from devices.registry.models import Device

from . import download
from .call import Refused

DOOR = "ddi"
_UNCLOSED_FOR = timedelta(days=1)
_LAST_WORDS = ("closed", "rejected", "canceled")


def find_open(device: Device) -> RolloutTarget | None:
    """Return the action that a device should see now: one to stop, one to do, or one to close."""
    unheard = Q(door=DOOR, heard_at__lt=F("finished_at"), finished_at__gt=timezone.now() - _UNCLOSED_FOR)
    unheard &= Q(state__in=(TargetState.PROVED, TargetState.CANCELLED))
    rows = RolloutTarget.objects.filter(unheard | Q(state__in=RolloutTarget.OPEN), device=device.pk)
    found = list(rows.order_by("pk"))
    busy = {target.module for target in found if targets.is_said_done(target)}
    for states in ((TargetState.CANCELLED,), RolloutTarget.ACTIVE, (TargetState.PROVED,)):
        for target in found:
            if target.state in states and not targets.is_said_done(target):
                return _row(device, target.pk)
    for module in dict.fromkeys(target.module for target in found if target.module not in busy):
        if offer := targets.next_offer(device, module, DOOR):
            return offer.target
    return None


def _row(device: Device, key: int) -> RolloutTarget | None:
    rows = RolloutTarget.objects.select_related("device", "rollout__firmware__signing_key")
    return rows.filter(device=device.pk, pk=key).first()


def find_action(device: Device, key: int) -> RolloutTarget:
    """Return an action of this device. Raises Refused."""
    target = _row(device, key)
    if target is None or target.state == TargetState.WAITING:
        raise Refused("not_found", "This device has no such action.")
    return target


def chunks_of(target: RolloutTarget, hub_url: str) -> tuple[Chunk, ...]:
    """Return what an action installs. Raises Refused when it is over, or its bytes may not go out."""
    firmware = target.rollout.firmware
    if target.state in RolloutTarget.ACTIVE:
        download.open_image(target)
    elif target.state != TargetState.PROVED:
        raise Refused("not_found", "This action is over.")
    artifact = Artifact(
        file_name=file_name(firmware.file_name or f"{firmware.product}-{firmware.version}"),
        size_bytes=firmware.size_bytes,
        sha1=firmware.sha1,
        md5=firmware.md5,
        sha256=firmware.sha256,
        url=hub_url + download.path_of(target.token),
    )
    part = "os" if firmware.module == "default" else firmware.module
    return (Chunk(firmware.product, firmware.version, (artifact,), part),)


def take_feedback(target: RolloutTarget, feedback: Feedback) -> None:
    """Take what a device says of an action; what it says of one that has ended changes nothing."""
    if target.state in RolloutTarget.ACTIVE:
        _go_on(target, feedback)
    if feedback.execution in _LAST_WORDS:
        hear(target)


def _go_on(target: RolloutTarget, feedback: Feedback) -> None:
    text = " ".join(feedback.details)[-300:]
    if targets.is_said_done(target) and not feedback.failed:
        return
    if feedback.failed or feedback.execution == "canceled":
        word = "upgrade" if feedback.finished == "failure" else "rejected"
        targets.note_failed(target, word, text)
    elif feedback.succeeded:
        _succeed(target, text)
    elif target.percent >= 100 or feedback.execution == "downloaded":
        targets.note_flashing(target, DOOR)
    else:
        targets.note_download(target, target.percent * target.rollout.firmware.size_bytes // 100, DOOR)


def _succeed(target: RolloutTarget, text: str) -> None:
    """Take a success, and ask which version runs: that is the proof."""
    if target.state == TargetState.OFFERED and not download.was_fetched(target):
        targets.note_failed(target, "unfetched", text)
        return
    Device.objects.filter(pk=target.device_id).update(config_wanted=True)
    targets.note_said_done(target, text)


def hear(target: RolloutTarget) -> None:
    """Note that the device knows how its action ended."""
    RolloutTarget.objects.filter(pk=target.pk).update(heard_at=timezone.now())


def take_config(device: Device, config: ConfigData) -> None:
    """Take what a device says of itself; of that the hub uses `version`, for the firmware as a whole.

    Nothing is asked twice: swupdate answers before it does anything else. Only who has closed an action and still tells
    the old version is asked until its time is over, because it may have closed before its restart. A device that
    was asked and tells no version has nothing to add to its `closed`, so that counts.
    """
    version = "" if config.mode == "remove" else config.data.get("version", "")
    if version:
        targets.report_version(device, "default", version)
    done = [target for target in _said_done(device) if not (version and target.module == "default")]
    for target in done:
        targets.report_version(device, target.module, target.rollout.firmware.version)
    Device.objects.filter(pk=device.pk).update(config_wanted=bool(_said_done(device)))


def _said_done(device: Device) -> list[RolloutTarget]:
    rows = RolloutTarget.objects.select_related("rollout__firmware").active().filter(device=device.pk)
    return [target for target in rows if targets.is_said_done(target)]
