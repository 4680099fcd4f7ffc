"""Running the rules: which pictures are new to a rule, which of them is shown, and what each came to.

The rule's row is the queue. It says until when it has looked, and a run per picture says what it did; so a rule
may be run twice and at once, and a picture whose commit was late is found by the look back of a minute.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.queue import CannotDeliver, Wish
from devices.panels.sources import outbox
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture
from photohub.lib import clock
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.database.outage import is_away
from photohub.lib.ids import read_id
from photohub.lib.pages.sentences import Cannot, Said, columns, said, said_all
from photohub.lib.pages.times.wording import time_of_day
from photohub.lib.pages.timezones import hub_timezone

from .models import RunState, ShowRule, ShowRun

log = logging.getLogger(__name__)

RUN_TASK = "media_pipeline.tasks.run_show_rules"
AT_ONCE = 200
KEEP_RUNS = 500
_LATE_COMMIT = timedelta(seconds=60)
# What a panel shows because of a rule may be what its own camera sees next.
_ECHO = timedelta(seconds=60)


class _Skipped(Cannot):
    """The picture is not shown; the word and the sentence say why."""

    def __init__(self, word: str, sentence: Said, state: RunState = RunState.SKIPPED) -> None:
        super().__init__(word, sentence)
        self.state = state


def due() -> list[int]:
    """Return the cameras whose rules have pictures to look at."""
    rules = ShowRule.objects.filter(enabled=True).select_related("camera")
    return sorted({rule.camera_id for rule in rules if new_pictures(rule).exists()})


def run_rules(camera_ids: Iterable[int | str]) -> int:
    """Run the rules of these cameras. Returns how many pictures were sent to panels."""
    rules = ShowRule.objects.filter(enabled=True, camera__in=[int(pk) for pk in camera_ids])
    return sum(_try_rule(rule) for rule in rules.select_related("camera"))


def _try_rule(rule: ShowRule) -> int:
    try:
        return run_rule(rule)
    except Exception as error:
        if is_away(error):
            raise
        # The other rules have their turn.
        log.exception("The rule %s could not be run.", rule.name)
        return 0


def new_pictures(rule: ShowRule) -> QuerySet:
    """Return the pictures that this rule has not looked at yet, also after a clock that was ahead was set right."""
    now = timezone.now()
    seen = ShowRun.objects.filter(rule=rule, capture=OuterRef("pk"))
    after = clock.mend(rule.seen_until, now) - _LATE_COMMIT
    rows = Capture.objects.filter(
        device=rule.camera, received_at__gt=after, received_at__lt=now + CLOCKS_DIFFER
    )
    if rule.since_at <= now + CLOCKS_DIFFER:
        rows = rows.filter(stored_at__gte=rule.since_at)
    return rows.filter(~Exists(seen))


def run_rule(rule: ShowRule) -> int:
    """Show the newest new picture that may be shown; those before it were overtaken. Returns 1 when it was sent."""
    found = list(new_pictures(rule).select_related("device").order_by("-received_at", "-id")[:AT_ONCE])
    shown = 0
    skipped: list[ShowRun] = []
    for capture in found:
        try:
            if shown:
                raise _Skipped("overtaken", said("A newer picture was shown."))
            _may_show(rule, capture)
            shown = _show(rule, capture)
        except _Skipped as why:
            skipped.append(_run_of(rule, capture, why))
        except Exception as error:
            if is_away(error):
                raise
            # Found again and again, it would keep the rule from all others.
            log.exception("The rule %s could not show the picture %s.", rule.name, capture.pk)
            fault = _Skipped("fault", said("An error in the hub kept it from being shown."), RunState.FAILED)
            skipped.append(_run_of(rule, capture, fault))
    ShowRun.objects.bulk_create(skipped, ignore_conflicts=True)
    if found:
        newest = found[0].received_at
        wrong = Q(seen_until__gt=timezone.now() + CLOCKS_DIFFER)
        ShowRule.objects.filter(Q(seen_until__lt=newest) | wrong, pk=rule.pk).update(seen_until=newest)
    return shown


def _run_of(rule: ShowRule, capture: Capture, why: _Skipped) -> ShowRun:
    facts = {"state": why.state, "reason_word": why.word} | columns("reason", why.said)
    return ShowRun(rule=rule, capture=capture, **facts)


def _may_show(rule: ShowRule, capture: Capture) -> None:
    """Raise _Skipped with the reason why this picture is not shown."""
    now = timezone.now()
    if rule.only_asked and capture.command_id is None:
        raise _Skipped("not_asked", said("Nobody requested this picture."))
    # By the hub's clock alone: the camera's may never have been set, and would decide what people see.
    age = now - capture.received_at
    if rule.only_fresh_s and age > timedelta(seconds=rule.only_fresh_s):
        sentence = said("The picture was %(seconds)s s old.", seconds=int(age.total_seconds()))
        raise _Skipped("not_fresh", sentence)
    shown = rule.runs.filter(state=RunState.SHOWN, capture__received_at__gt=capture.received_at)
    if shown.filter(capture__received_at__lt=now + CLOCKS_DIFFER).exists():
        raise _Skipped("overtaken", said("A newer picture was shown."))
    pause = timedelta(seconds=rule.min_interval_s)
    if rule.last_shown_at and abs(now - rule.last_shown_at) < pause:
        sentence = said(
            "Another picture was shown less than %(seconds)s s earlier.", seconds=rule.min_interval_s
        )
        raise _Skipped("too_soon", sentence)
    if _is_echo(rule, capture, now):
        raise _Skipped("echo", said("The camera itself was just shown a picture from one of these panels."))


def _is_echo(rule: ShowRule, capture: Capture, now: datetime) -> bool:
    """Tell whether the camera is a panel, too, that a rule sent a picture of one of this rule's panels just now."""
    lately = Delivery.objects.filter(device=capture.device, origin=PictureOrigin.CAPTURE).exclude(cause="")
    keys = [
        read_id(d) for d in lately.filter(created_at__gt=now - _ECHO).values_list("origin_ref", flat=True)
    ]
    senders = Capture.objects.filter(pk__in=[key for key in keys if key]).values("device")
    return bool(keys) and rule.panels.filter(pk__in=senders).exists()


def _show(rule: ShowRule, capture: Capture) -> int:
    """Send the picture to all panels of the rule, in one commit with the run. Returns 1 when any took it."""
    try:
        picture = read_picture(capture)
    except PictureAway as error:
        raise _Skipped("away", error.said, RunState.FAILED) from None
    except PictureMissing:
        raise _Skipped("missing", said("The picture's file is missing."), RunState.FAILED) from None
    wish = Wish(
        PictureOrigin.CAPTURE,
        str(capture.pk),
        picture=picture,
        render=rule.render,
        caption=write_caption(rule.caption, capture),
        stamp_at=capture.captured_at or capture.received_at,
        cause=rule.name,
    )
    try:
        # What takes time is done before rows are held.
        outbox.keep(picture)
        with transaction.atomic():
            run = ShowRun.objects.create(rule=rule, capture=capture, state=RunState.SHOWN)
            sent, refusals = _send(list(rule.panels.all()), wish)
            run.deliveries.set(sent)
            run.reason, run.reason_said = columns("reason", said_all(refusals)).values()
            if not sent:
                run.state, run.reason_word = RunState.FAILED, "cannot_deliver"
            run.save()
            if sent:
                rule.last_shown_at = run.at
                ShowRule.objects.filter(pk=rule.pk).update(last_shown_at=run.at)
    except IntegrityError:
        # Another worker has it.
        return 0
    except OSError as error:
        log.warning("The rule %s could not keep its picture: %s", rule.name, error)
        raise _Skipped("disk", said("The picture could not be written to disk."), RunState.FAILED) from error
    return 1 if sent else 0


def _send(panels: list[Device], wish: Wish) -> tuple[list[Delivery], list[Said]]:
    sent, refusals = [], []
    # In this order: two rules may show pictures on the same panels at once.
    for panel in sorted(panels, key=attrgetter("pk")):
        try:
            sent.append(deliveries.deliver(panel, wish))
        except CannotDeliver as refusal:
            refusals.append(refusal.said)
    return sent, refusals


def write_caption(template: str, capture: Capture) -> str:
    """Return a caption with the camera's name and the picture's time filled in."""
    taken_at = time_of_day(capture.captured_at or capture.received_at, hub_timezone())
    return template.format(camera=capture.device.name, time=taken_at)[:200]


def prune() -> int:
    """Delete each rule's runs beyond its newest ones. Returns how many went."""
    dropped = 0
    for rule in ShowRule.objects.all():
        kept = list(rule.runs.values_list("pk", flat=True)[:KEEP_RUNS])
        if len(kept) < KEEP_RUNS:
            continue
        # What the look back could find again has to be remembered as seen.
        old = rule.runs.filter(capture__received_at__lt=rule.seen_until - 2 * _LATE_COMMIT).exclude(
            pk__in=kept
        )
        dropped += old.delete()[1].get("media_pipeline.ShowRun", 0)
    return dropped
