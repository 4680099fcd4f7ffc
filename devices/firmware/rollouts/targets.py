"""One device on its way to a new version. Endpoints call these; each may be called again without harm.

waiting ──► offered ──► downloading ──► flashing ──► proved
               └───────────┴───────────────┴──► failed · timed_out · cancelled

Only the version that the device itself reports makes it `proved`: a transfer of 100 % proves nothing.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from devices.events import record as events
from devices.events.models import EventType
from devices.firmware import images
from devices.firmware.errors import FirmwareError
from devices.firmware.models import Firmware
from devices.registry.models import Device
from photohub.lib.pages.sentences import said

from . import planning, wording
from . import queue as rollouts
from .models import Rollout, RolloutTarget, TargetState

# A device that comes again at once, as over a shaky link, has not used up another try.
SAME_TRY_S = 10
# So long may a device that says it is done still report the old version, because it has not started again yet.
GRACE_S = 120
_QUIET_S = 5
_CANDIDATES = 10
# What stands as the reason of an update that a device has closed: its version is awaited, or was the old one.
SAID_DONE = "said_done"
DONE_WORDS = (SAID_DONE, "old_version")
# The vendor's step codes, by what they mean.
STEP_WORDS = {-1: "upgrade", -2: "download", -3: "check", -4: "flashing"}


class Happened(StrEnum):
    """What a report changed."""

    NOTHING = "nothing"
    NOTED = "noted"
    PROVED = "proved"
    FAILED = "failed"
    FOREIGN = "foreign"  # nobody asked this device for that


@dataclass(frozen=True, slots=True)
class Offer:
    """An image for a device. `token` opens it in a download address; `again` says that it was offered before."""

    firmware: Firmware
    target: RolloutTarget
    token: str
    again: bool = False


def with_parts():
    return RolloutTarget.objects.select_related("device", "rollout__firmware__signing_key")


def find_active(device: Device, module: str = "default") -> RolloutTarget | None:
    """Return the update that this module of the device is busy with."""
    return with_parts().active().filter(device=device, module=module).first()


def next_offer(
    device: Device, module: str = "default", door: str = "", *, unasked: bool = False
) -> Offer | None:
    """Return what this module of the device should fetch now: what it is busy with, else what waits for it.

    `unasked`: the hub speaks first. To say again what the device has not begun with is no try of the device's.
    """
    if not device.enabled:
        return None
    # Devices ask all day long, mostly for nothing: that must cost one short query.
    open_ones = RolloutTarget.objects.filter(device=device.pk, module=module, state__in=RolloutTarget.OPEN)
    found = dict(open_ones.order_by().values_list("pk", "state"))
    for key, state in found.items():
        if state in RolloutTarget.ACTIVE:
            target = with_parts().get(pk=key)
            if unasked and (target.state, target.door) == (TargetState.OFFERED, door):
                servable = _is_servable(target)
                return Offer(target.rollout.firmware, target, target.token, again=True) if servable else None
            return _offer_again(target, door)
    for target in _find_candidates(list(found)) if found else ():
        if offer := _offer_first(target, door):
            return offer
    return None


def waiting_version(device: Device, module: str = "default", door: str = "http") -> str:
    """Return the version that the device would be offered if it asked now; nothing where there is none. Changes nothing."""
    open_ones = RolloutTarget.objects.filter(device=device.pk, module=module, state__in=RolloutTarget.OPEN)
    found = dict(open_ones.order_by().values_list("pk", "state"))
    for key, state in found.items():
        if state in RolloutTarget.ACTIVE:
            return with_parts().get(pk=key).rollout.firmware.version
    for target in _find_candidates(list(found)) if found else ():
        if not planning.hindrance(target, door):
            return target.rollout.firmware.version
    return ""


def _find_candidates(keys: list[int]) -> list[RolloutTarget]:
    rows = with_parts().filter(
        pk__in=keys, rollout__in=Rollout.objects.running(), step__lte=F("rollout__step")
    )
    return list(rows.order_by("rollout__created_at", "pk")[:_CANDIDATES])


def _is_servable(target: RolloutTarget) -> bool:
    # Reading proves bytes, signature and key; a misfit has paused the rollout by then.
    try:
        images.verified_bytes(target.rollout.firmware)
    except FirmwareError:
        return False
    return True


def _offer_first(target: RolloutTarget, door: str) -> Offer | None:
    if planning.hindrance(target, door) not in planning.FOR_GOOD | {""} or not _is_servable(target):
        return None
    with rollouts.locked(target.rollout_id) as rollout:
        target.rollout = rollout
        word = planning.hindrance(target, door)
        if word in planning.FOR_GOOD:
            end(target, rollout, TargetState.CANCELLED, word)
        if word or rollouts.fails_too_often(rollout):
            return None
        now = timezone.now()
        values = {
            "state": TargetState.OFFERED,
            "door": door,
            "offers": 1,
            "from_version": planning.running_version(target.device, target.module),
            "offered_at": now,
            "last_offer_at": now,
            "heard_at": now,
            "changed_at": now,
            "deadline_at": now + timedelta(seconds=rollout.deadline_s),
        }
        try:
            with transaction.atomic():
                if not _change(target, (TargetState.WAITING,), **values):
                    return None
        except IntegrityError:
            # Another process offered this module something else in this moment.
            return None
        rollouts.tell(rollout, device=target.device)
    return Offer(target.rollout.firmware, target, target.token)


def _offer_again(target: RolloutTarget, door: str) -> Offer | None:
    if not _is_servable(target):
        return None
    now = timezone.now()
    same_try = target.last_offer_at and now - target.last_offer_at < timedelta(seconds=SAME_TRY_S)
    if same_try:
        return Offer(target.rollout.firmware, target, target.token, again=True)
    if target.offers >= target.rollout.offers_at_most:
        note_failed(target, "too_many_offers")
        return None
    values = {"state": TargetState.OFFERED, "door": door, "offers": target.offers + 1, "reason_word": ""}
    deadline = now + timedelta(seconds=target.rollout.deadline_s)
    rows = RolloutTarget.objects.filter(pk=target.pk, state__in=RolloutTarget.ACTIVE, offers=target.offers)
    rows.update(**values, last_offer_at=now, heard_at=now, changed_at=now, deadline_at=deadline)
    target.refresh_from_db(fields=["state", "door", "offers", "last_offer_at", "deadline_at", "reason_word"])
    if target.state not in RolloutTarget.ACTIVE:
        return None
    return Offer(target.rollout.firmware, target, target.token, again=True)


def _change(target: RolloutTarget, before: tuple, **values) -> bool:
    """Change a target only if it is still in one of these states; the instance follows."""
    done = RolloutTarget.objects.filter(pk=target.pk, state__in=before).update(**values)
    if done:
        for name, value in values.items():
            setattr(target, name, value)
    return bool(done)


def end(target: RolloutTarget, rollout: Rollout, state: TargetState, word: str, text: str = "") -> bool:
    """End a target whose rollout is held, write it down, and see what that means for the rollout."""
    now = timezone.now()
    values: dict[str, object] = {
        "reason_word": word,
        "reason": text[:300],
        "finished_at": now,
        "changed_at": now,
    }
    if state == TargetState.PROVED and not word:
        # How far the download was is noted now and then; what runs is there as a whole.
        values["percent"] = 100
    if is_said_done(target):
        # It closed its action already, so it need not hear of the end again.
        values["heard_at"] = now
    if not _change(target, RolloutTarget.OPEN, state=state, **values):
        return False
    how = wording.ending_said(state, word, text)
    sentence = said("Update to %(version)s: %(how)s", version=rollout.firmware.version, how=how)
    problem = state in rollouts.FAILURES
    rollouts.tell(rollout, sentence, device=target.device, problem=problem)
    rollouts.settle(rollout)
    return True


def note_failed(target: RolloutTarget, word: str, text: str = "") -> Happened:
    """End an update as failed; the error threshold is looked at in the same transaction."""
    with rollouts.locked(target.rollout_id) as rollout:
        done = end(target, rollout, TargetState.FAILED, word, text)
    return Happened.FAILED if done else Happened.NOTHING


def note_download(target: RolloutTarget, sent_bytes: int, door: str = "") -> Happened:
    """Note how much of the image has gone out to the device; called as often as an endpoint likes."""
    size_bytes = max(1, target.rollout.firmware.size_bytes)
    percent = min(100, max(0, sent_bytes) * 100 // size_bytes)
    return _progress(target, TargetState.DOWNLOADING, percent, door)


def note_progress(device: Device, module: str, step: int, text: str = "", door: str = "") -> Happened:
    """Take what a device says of its own progress: 0 to 100 percent, or a code below 0 for a failure."""
    target = find_active(device, module)
    if target is None:
        return Happened.FOREIGN
    if step < 0:
        return note_failed(target, STEP_WORDS.get(step, "upgrade"), text)
    if step >= 100:
        return note_flashing(target, door)
    return _progress(target, TargetState.DOWNLOADING, step, door)


def note_flashing(target: RolloutTarget, door: str = "") -> Happened:
    """Note that the device has the whole image and writes it, or says that it has done so."""
    return _progress(target, TargetState.FLASHING, 100, door)


def note_said_done(target: RolloutTarget, text: str = "") -> Happened:
    """Note that the device says it is done and runs something new; it has its whole time to say what."""
    if is_said_done(target) or target.state not in RolloutTarget.ACTIVE:
        return Happened.NOTHING
    now = timezone.now()
    values = {"state": TargetState.FLASHING, "percent": 100, "reason_word": SAID_DONE, "reason": text[:300]}
    deadline = now + timedelta(seconds=target.rollout.deadline_s)
    with transaction.atomic():
        if not _change(
            target, RolloutTarget.ACTIVE, **values, heard_at=now, changed_at=now, deadline_at=deadline
        ):
            return Happened.NOTHING
        rollouts.tell(target.rollout, device=target.device)
    return Happened.NOTED


def is_said_done(target: RolloutTarget) -> bool:
    """Tell whether the device closed this update by hawkBit's API, and its version is still to come."""
    return target.door == "ddi" and target.state == TargetState.FLASHING and target.reason_word in DONE_WORDS


def note_all_downloading(begun: list[RolloutTarget]) -> None:
    """Note of several devices, with one commit, that their bytes are on the way. What is further on stays."""
    _move_all(begun, (TargetState.OFFERED,), state=TargetState.DOWNLOADING)


def note_all_flashing(fetched: list[RolloutTarget]) -> None:
    """Note of several devices, with one commit, that they have the whole image now. What is further on stays."""
    before = RolloutTarget.ACTIVE[: RolloutTarget.ACTIVE.index(TargetState.FLASHING)]
    _move_all(fetched, before, state=TargetState.FLASHING, percent=100)


def _move_all(given: list[RolloutTarget], before: tuple[TargetState, ...], **values) -> None:
    found = {target.pk: target for target in given}
    now = timezone.now()
    with transaction.atomic():
        rows = RolloutTarget.objects.filter(pk__in=list(found), state__in=before).select_for_update()
        moved = [found[pk] for pk in rows.order_by("pk").values_list("pk", flat=True)]
        for rollout in {target.rollout_id: target.rollout for target in moved}.values():
            mine = [target.pk for target in moved if target.rollout_id == rollout.pk]
            RolloutTarget.objects.filter(pk__in=mine).update(
                heard_at=now,
                changed_at=now,
                deadline_at=now + timedelta(seconds=rollout.deadline_s),
                **values,
            )
        rollouts.tell_devices(moved)


def _progress(target: RolloutTarget, state: TargetState, percent: int, door: str) -> Happened:
    """Go forward. News gives the device its whole time again; what is no news writes next to nothing."""
    if target.state not in RolloutTarget.ACTIVE:
        return Happened.FOREIGN
    order = RolloutTarget.ACTIVE
    state = max(state, target.state, key=order.index)
    now = timezone.now()
    if (state, percent) == (target.state, target.percent):
        if target.heard_at is None or now - target.heard_at > timedelta(seconds=_QUIET_S):
            _change(target, order, heard_at=now)
        return Happened.NOTHING
    values = {"state": state, "percent": percent, "heard_at": now}
    if state != target.state or percent > target.percent:
        values["deadline_at"] = now + timedelta(seconds=target.rollout.deadline_s)
    told = state != target.state or percent // 10 != target.percent // 10
    if told:
        values["changed_at"] = now
    with transaction.atomic():
        if not _change(target, (target.state,), **values, **({"door": door} if door else {})):
            target.refresh_from_db()
            return Happened.NOTHING
        if told:
            rollouts.tell(target.rollout, device=target.device)
    return Happened.NOTED


def report_version(device: Device, module: str, version: str, text: str = "") -> Happened:
    """Take the version that a module says it runs: the only thing that proves an update, or disproves it."""
    version = "".join(c for c in version if c.isprintable()).strip()[:64]
    if not version:
        return Happened.NOTHING
    target = _concerned(device, module, version)
    if target is None:
        with transaction.atomic():
            _store_version(device, module, version)
        return Happened.FOREIGN
    # The rollout's row before the device's: everybody else takes them in this order.
    with rollouts.locked(target.rollout_id) as rollout:
        _store_version(device, module, version)
        if rollout.firmware.version != version:
            return _doubt(target)
        word = "already" if target.state == TargetState.WAITING else ""
        done = end(target, rollout, TargetState.PROVED, word, text)
    return Happened.PROVED if done else Happened.NOTHING


def _concerned(device: Device, module: str, version: str) -> RolloutTarget | None:
    """Return the update that a reported version says something of: the one under way, else one that waits for it."""
    target = find_active(device, module)
    if target is not None:
        return target
    rows = with_parts().filter(device=device, module=module, state=TargetState.WAITING)
    rows = rows.filter(rollout__in=Rollout.objects.running())
    return rows.filter(rollout__firmware__version=version).order_by("pk").first()


def _store_version(device: Device, module: str, version: str) -> None:
    # Two modules may report at once, and they stand in one column.
    row = Device.objects.select_for_update(no_key=True).get(pk=device.pk)
    values: dict = {}
    if row.modules.get(module) != version:
        values["modules"] = {**row.modules, module: version}
    if module == "default" and row.firmware_version != version:
        values["firmware_version"] = version
    if values:
        Device.objects.filter(pk=row.pk).update(**values)
        sentence = said("Runs %(version)s.", version=version)
        if module != "default":
            sentence = said("%(module)s runs %(version)s.", module=module, version=version)
        events.record(EventType.DEVICE_CHANGED, sentence, device=row)
    device.modules = values.get("modules", row.modules)
    device.firmware_version = values.get("firmware_version", row.firmware_version)


def _doubt(target: RolloutTarget) -> Happened:
    """A device that said it was done reports another version: if it still does after a while, it has failed."""
    said_done = target.state == TargetState.FLASHING or target.percent >= 100
    if target.door == "ddi":
        # Its own API has a word for it; until then it waits for a restart, as long as the rollout lets it.
        said_done = is_said_done(target)
    if not said_done or target.reason_word == "old_version":
        return Happened.NOTHING
    until = timezone.now() + timedelta(seconds=GRACE_S)
    soon = min(until, target.deadline_at or until)
    _change(target, (target.state,), reason_word="old_version", deadline_at=soon, heard_at=timezone.now())
    return Happened.NOTED
