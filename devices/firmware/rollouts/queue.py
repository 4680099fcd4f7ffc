"""Rollouts: made, started, paused, resumed, cancelled; and how each goes on from step to step.

draft ──► running ◄──► paused        paused by a person, by too many failures, or because the image may not go out
             │             │
             ├─────────────┴──► cancelled
             └──► finished           nobody is waiting or busy any more

Whoever changes a target or a rollout holds the rollout's row for it (`locked`), always before the targets'.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import clock_watch
from devices.events import record as events
from devices.events.models import Event, EventType
from devices.firmware import checking
from devices.firmware.errors import FirmwareTaken, RolloutError
from devices.firmware.models import Firmware, FirmwareState
from devices.registry.models import Device
from photohub.lib import clock
from photohub.lib.database.db import lock_in_order, one_writer, update_in_order
from photohub.lib.pages.sentences import Said, said, said_of

from . import planning, wording
from .models import Rollout, RolloutState, RolloutTarget, TargetState
from .planning import Plan

FAILURES = (TargetState.FAILED, TargetState.TIMED_OUT)
DEVICES_AT_MOST = 10_000
# Few enough that an upload waits no longer for it than for another upload.
_CLEARED_TOGETHER = 500


def create(
    firmware: Firmware,
    devices: Iterable[Device],
    user=None,
    *,
    plan: Plan | None = None,
    group_name: str = "",
    start: bool = False,
) -> tuple[Rollout, dict[str, str]]:
    """Plan an image for these devices. Returns the rollout, and code → word of those that it is not for.

    Raises RolloutError when nobody is left or the image may not go out.
    """
    plan = plan or Plan()
    checking.check_row(firmware)
    if firmware.state != FirmwareState.PUBLISHED:
        raise RolloutError("not_published", _("%(name)s is not published yet.") % {"name": firmware})
    fitting, left_out = sort_out(firmware, devices, rollback=plan.allow_rollback)
    if not 1 <= len(fitting) <= DEVICES_AT_MOST:
        raise RolloutError("no_devices", _none_fits(left_out), _in_words(left_out))
    steps, step_of = planning.split(plan.steps, len(fitting))
    with transaction.atomic():
        values = asdict(plan) | {"steps": steps}
        rollout = Rollout.objects.create(
            firmware=firmware, group_name=group_name, created_by=actor_of(user), **values
        )
        RolloutTarget.objects.bulk_create(
            RolloutTarget(rollout=rollout, device=device, module=firmware.module, position=n, step=step)
            for n, (device, step) in enumerate(zip(planning.in_order(fitting), step_of, strict=True))
        )
        made = _made(firmware, len(fitting), plan)
        tell(rollout, made, user)
        audit.note(Word.FLASHED, Kind.ROLLOUT, rollout.pk, firmware, made)
        if start:
            resume(rollout, user)
    rollout.refresh_from_db()
    return rollout, left_out


def _made(firmware: Firmware, count: int, plan: Plan) -> Said:
    words = {"name": firmware, "n": count}
    if plan.allow_rollback:
        return said("A rollout of %(name)s was created (rollback allowed); devices: %(n)d.", **words)
    return said("A rollout of %(name)s was created; devices: %(n)d.", **words)


def sort_out(
    firmware: Firmware, devices: Iterable[Device], *, rollback: bool = False
) -> tuple[list[Device], dict[str, str]]:
    """Return the devices that an image is for, and code → word of the others."""
    counters = planning.counters_of(firmware)
    words = {d: planning.misfit(d, firmware, rollback=rollback, counters=counters) for d in devices}
    return [d for d, word in words.items() if not word], {d.code: word for d, word in words.items() if word}


def _none_fits(left_out: dict[str, str]) -> str:
    if not left_out:
        return _("Name between 1 and %(most)d devices.") % {"most": DEVICES_AT_MOST}
    return (
        _("The image is for none of these devices.")
        + " "
        + " ".join(f"{code}: {wording.sentence_of(word)}" for code, word in list(left_out.items())[:3])
    )


def _in_words(left_out: dict[str, str]) -> dict[str, str]:
    return {code: wording.sentence_of(word) for code, word in left_out.items()}


def tell(
    rollout: Rollout, sentence: str | Said = "", user=None, *, device: Device | None = None, problem=False
) -> None:
    """Write down what happened to a rollout, or to one of its devices, and notify the live pages."""
    events.record(
        EventType.UPDATE_CHANGED,
        device=device,
        subject=rollout.pk,
        actor=user,
        sentence=sentence,
        problem=problem,
    )


def tell_devices(targets: list[RolloutTarget]) -> None:
    """Write down that something changed for these devices, and notify the live pages."""
    events.record_all(
        [
            Event(type=EventType.UPDATE_CHANGED, device=target.device, subject=target.rollout_id)
            for target in targets
        ]
    )


@contextmanager
def locked(rollout_id: UUID) -> Generator[Rollout]:
    """Hold a rollout's row: what is read of it and its targets inside stays true until the end."""
    with transaction.atomic():
        rows = Rollout.objects.select_for_update(of=("self",)).select_related("firmware__signing_key")
        yield rows.get(pk=rollout_id)


def resume(rollout: Rollout, user=None) -> bool:
    """Set a draft or a paused rollout going. Failures so far are forgiven. Raises RolloutError when it has ended."""
    with locked(rollout.pk) as row:
        if row.state == RolloutState.RUNNING:
            return False
        if row.state not in Rollout.OPEN:
            raise RolloutError("ended", _("This rollout has ended. Make a new one."))
        checking.check_row(row.firmware)
        if row.firmware.state != FirmwareState.PUBLISHED:
            raise RolloutError("broken", wording.sentence_of("broken"))
        now = timezone.now()
        began = {"step_started_at": now} if row.state == RolloutState.DRAFT else {}
        name = row.firmware
        if row.state == RolloutState.DRAFT:
            sentence = said("The rollout of %(name)s was started.", name=name)
        else:
            sentence = said("The rollout of %(name)s continues.", name=name)
        _set(row, state=RolloutState.RUNNING, reason_word="", reason="", started_at=now, **began)
        tell(row, sentence, user)
        audit.note(Word.CHANGED, Kind.ROLLOUT, row.pk, name, sentence)
    rollout.refresh_from_db()
    return True


def pause(rollout: Rollout, user=None) -> bool:
    """Offer it to nobody new; devices that are busy with it may finish. Raises RolloutError when it has ended."""
    with locked(rollout.pk) as row:
        if row.state not in Rollout.OPEN:
            raise RolloutError("ended", _("This rollout has ended. Make a new one."))
        done = _pause(row, "person", user)
    rollout.refresh_from_db()
    return done


def _pause(row: Rollout, word: str, user=None) -> bool:
    if row.state != RolloutState.RUNNING:
        return False
    _set(row, state=RolloutState.PAUSED, reason_word=word)
    why = said_of(wording.SENTENCES.get(word, word))
    sentence = said("The rollout of %(name)s is paused: %(why)s", name=row.firmware, why=why)
    tell(row, sentence, user, problem=word != "person")
    audit.note(Word.CHANGED, Kind.ROLLOUT, row.pk, row.firmware, sentence)
    return True


def pause_firmware(firmware_ids: list[UUID], word: str, user=None) -> int:
    """Pause every running rollout of these images, because they may not go out: `word` says why."""
    running = Rollout.objects.running().filter(firmware__in=firmware_ids).order_by("pk")
    paused = 0
    for key in list(running.values_list("pk", flat=True)):
        with locked(key) as row:
            paused += _pause(row, word, user)
    return paused


def clear_ended(firmware: Firmware) -> None:
    """Delete the devices of an image's rollouts, which have ended, in short transactions. Raises FirmwareTaken."""
    _ended_of(firmware)
    ended = RolloutTarget.objects.filter(rollout__firmware=firmware).exclude(rollout__state__in=Rollout.OPEN)
    while keys := list(ended.order_by().values_list("pk", flat=True)[:_CLEARED_TOGETHER]):
        with one_writer(), transaction.atomic():
            lock_in_order(RolloutTarget.objects.filter(pk__in=keys))
            RolloutTarget.objects.filter(pk__in=keys).delete()


def delete_ended(firmware: Firmware) -> None:
    """Delete the rollouts of an image that goes; all have ended. Raises FirmwareTaken while one is open."""
    _ended_of(firmware).delete()


def _ended_of(firmware: Firmware) -> QuerySet[Rollout]:
    used = Rollout.objects.filter(firmware=firmware)
    if used.filter(state__in=Rollout.OPEN).exists():
        sentence = _("%(name)s is in use by a rollout. Cancel it first, or wait until it has finished.")
        raise FirmwareTaken("in_use", sentence % {"name": firmware})
    return used


def cancel(rollout: Rollout, user=None) -> bool:
    """End it for everybody who has not ended yet. A device that already writes the image cannot be stopped."""
    with locked(rollout.pk) as row:
        if row.state not in Rollout.OPEN:
            return False
        now = timezone.now()
        open_ones = row.targets.filter(state__in=RolloutTarget.OPEN)
        values = {"reason_word": "cancelled", "finished_at": now, "changed_at": now}
        update_in_order(open_ones, state=TargetState.CANCELLED, **values)
        _set(row, state=RolloutState.CANCELLED, reason_word="person", finished_at=now)
        tell(row, said("The rollout of %(name)s was cancelled.", name=row.firmware), user)
        audit.note(Word.CANCELLED, Kind.ROLLOUT, row.pk, row.firmware)
    rollout.refresh_from_db()
    return True


def _set(row: Rollout, **values) -> None:
    Rollout.objects.filter(pk=row.pk).update(**values)
    for name, value in values.items():
        setattr(row, name, value)


def counts_of(rollout: Rollout, user=None) -> dict[str, int]:
    """Return how many targets are in each state; with a person, only of devices that he may see."""
    rows = RolloutTarget.objects.filter(rollout=rollout)
    rows = rows.visible_to(user) if user is not None else rows
    found = dict(rows.order_by().values_list("state").annotate(n=Count("pk")))
    return {str(state): found.get(state, 0) for state in TargetState}


def advance(rollout_id: UUID) -> None:
    """See whether a rollout must stop, has finished, or enters its next step."""
    with locked(rollout_id) as row:
        settle(row)


def settle(row: Rollout) -> None:
    """Do what `advance` does, for a row that is held already."""
    if row.state not in (RolloutState.RUNNING, RolloutState.PAUSED):
        return
    _mend_times(row)
    if not _has_open(row):
        _finish(row)
    elif row.state == RolloutState.RUNNING and fails_too_often(row):
        _pause(row, "threshold")
    elif row.state == RolloutState.RUNNING:
        _go_on(row)


def _has_open(row: Rollout) -> bool:
    # In the order of the index: PostgreSQL expects to meet one soon otherwise, and walks all that have ended.
    found = (row.targets.filter(state=state).order_by("step", "position") for state in RolloutTarget.OPEN)
    return any(rows.values_list("pk", flat=True)[:1] for rows in found)


def _mend_times(row: Rollout) -> None:
    """Begin anew what began under a clock that was ahead: failures since then count, and steps go on."""
    now = timezone.now()
    times = {name: getattr(row, name) for name in ("started_at", "step_started_at", "step_done_at")}
    mended = {name: clock.mend(at, now) for name, at in times.items()}
    if mended != times:
        _set(row, **mended)


def _finish(row: Rollout) -> None:
    counts = counts_of(row)
    _set(row, state=RolloutState.FINISHED, reason_word="", finished_at=timezone.now())
    sentence = said(
        "The rollout of %(name)s has finished: %(proved)d of %(all)d devices run it.",
        name=row.firmware,
        proved=counts["proved"],
        all=sum(counts.values()),
    )
    tell(row, sentence, problem=counts["proved"] < sum(counts.values()) - counts["cancelled"])


def fails_too_often(row: Rollout) -> bool:
    """Tell whether a rollout must stop.

    That is: by count; or by percent of those that ended, once enough ended; or, however few ended, when the
    failures alone are that percent of all devices already, so that it could not become better any more.
    """
    lately = Q(finished_at__gt=row.started_at) if row.started_at else Q()
    # Asked every few seconds, mostly of rollouts in which none failed: then nobody else need be counted.
    failed = row.targets.filter(lately, state__in=FAILURES).count()
    if not failed:
        return False
    if row.error_count and failed >= row.error_count:
        return True
    ended = failed + row.targets.filter(lately, state=TargetState.PROVED).count()
    enough = ended >= row.error_minimum and failed * 100 >= row.error_percent * ended
    return enough or failed * 100 >= row.error_percent * row.targets.count()


def _go_on(row: Rollout) -> None:
    if row.step + 1 >= len(row.steps):
        return
    now = timezone.now()
    if not _step_is_over(row):
        if row.step_done_at is not None:
            _set(row, step_done_at=None)
        return
    if _step_failed(row):
        _pause(row, "step_failed")
        return
    done_at = row.step_done_at or now
    if row.step_done_at is None:
        _set(row, step_done_at=now)
    soak_s = row.steps[row.step].get("soak_s", 0)
    if now - done_at >= timedelta(seconds=soak_s):
        if soak_s and clock_watch.doubt() is not None:
            # By a clock that went ahead, no step has proved itself.
            return
        _set(row, step=row.step + 1, step_started_at=now, step_done_at=None)
        words = {"name": row.firmware, "step": row.step + 1, "all": len(row.steps)}
        tell(row, said("The rollout of %(name)s is now in step %(step)d of %(all)d.", **words))


def _step_is_over(row: Rollout) -> bool:
    """Tell whether a step's devices have ended. Silent ones hold it up only as long as one of them may take."""
    mine = row.targets.filter(step__lte=row.step)
    if mine.filter(state__in=RolloutTarget.ACTIVE).exists():
        return False
    if not mine.filter(state=TargetState.WAITING).exists():
        return True
    latest = mine.filter(changed_at__lte=timezone.now()).aggregate(at=Max("changed_at"))["at"]
    quiet_since = max(filter(None, (latest, row.step_started_at, row.started_at)))
    proved = mine.filter(step=row.step, state=TargetState.PROVED).exists()
    return proved and timezone.now() - quiet_since > timedelta(seconds=row.deadline_s)


def _step_failed(row: Rollout) -> bool:
    """Tell whether this step alone fails too often; a canary that fell over must not be followed."""
    lately = Q(finished_at__gt=row.started_at) if row.started_at else Q()
    ended = row.targets.filter(lately, step=row.step, state__in=(TargetState.PROVED, *FAILURES))
    figures = ended.aggregate(ended=Count("pk"), failed=Count("pk", filter=Q(state__in=FAILURES)))
    return bool(figures["failed"]) and figures["failed"] * 100 >= row.error_percent * figures["ended"]
