"""The queue of messages: what begins and ends is told once by each channel, and tried again until it is told.

A message is claimed before it is sent. Who dies in between has perhaps sent it, and it is sent again under the same
key: at least once, and the other side can tell a repetition.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from media_pipeline.captures.models import Capture
from photohub.lib import clock
from photohub.lib.database.db import one_writer, update_in_order
from photohub.lib.messaging import enqueue
from photohub.lib.pages.sentences import Said, columns, said

from .channels.models import AlertChannel
from .models import Alert, AlertMessage, AlertRule, MessageState, Phase
from .quiet import end_of_quiet

SEND_TASK = "media_pipeline.tasks.send_alerts"
GIVE_UP_AFTER = timedelta(hours=24)
LEASE_S = 180
# Seconds after the first, second … failed try; the last one again and again.
PAUSES_S = (10, 30, 60, 300, 900, 1800, 3600)
# Nothing waits longer for its next try than for the end of quiet hours.
LONGEST_PAUSE_S = 25 * 3600
WAITING_AT_MOST = 500
CLAIM_AT_MOST = 100
KEEP_FOR = timedelta(days=90)
KEEP_OF_A_RULE = 500
_PRUNED_TOGETHER = 500

_OVER_BEFORE = said("It was over before the quiet hours ended.")
_TOO_MANY = said("Too many messages wait for this channel.")


def begin(
    rule: AlertRule,
    key: str,
    what: Said,
    *,
    device=None,
    capture: Capture | None = None,
    lasts: bool = True,
    may_wait: bool = True,
    at: datetime | None = None,
) -> Alert | None:
    """Note that something began, or happened, and let the rule's channels know. None: it is known already.

    `may_wait`: whether it is still news after the quiet hours. `at`: when it happened, if not now.
    """
    now = timezone.now()
    facts = {"rule": rule, "key": key[:80], "device": device, "lasts": lasts}
    facts["capture_id"] = capture.pk if capture else None
    facts |= {"began_at": at or now, "over_at": None if lasts else now} | columns("what", what)
    try:
        with one_writer(), transaction.atomic():
            alert = Alert.objects.create(**facts)
            if may_wait or end_of_quiet(rule.quiet_from, rule.quiet_until, now) is None:
                _ask(alert, Phase.BEGAN, list(rule.channels.filter(enabled=True)), now)
    except IntegrityError:
        # Known already, or its rule or device was just removed.
        return None
    return alert


def finish(alert: Alert, end: Said) -> bool:
    """Note that it is over, and let those know who were told that it began. Returns whether it was open."""
    now = timezone.now()
    with one_writer(), transaction.atomic():
        values = {"over_at": now} | columns("end", end)
        if not Alert.objects.open().filter(pk=alert.pk).update(**values):
            return False
        began = AlertMessage.objects.filter(alert=alert, phase=Phase.BEGAN)
        held = began.filter(state=MessageState.WAITING, is_held=True)
        held.update(
            state=MessageState.SKIPPED, is_held=False, finished_at=now, **columns("error", _OVER_BEFORE)
        )
        told = began.filter(state__in=(MessageState.SENT, MessageState.WAITING), channel__enabled=True)
        channels = AlertChannel.objects.filter(pk__in=told.values("channel"))
        _ask(alert, Phase.OVER, list(channels), now)
    return True


def close(alerts: Iterable[Alert]) -> None:
    """Forget what is open without a word, as where its rule changed."""
    now = timezone.now()
    for alert in alerts:
        with one_writer(), transaction.atomic():
            Alert.objects.open().filter(pk=alert.pk).update(over_at=now)
            waiting = AlertMessage.objects.filter(alert=alert, state=MessageState.WAITING)
            waiting.update(state=MessageState.SKIPPED, finished_at=now)


def _ask(alert: Alert, phase: Phase, channels: list[AlertChannel], now: datetime) -> None:
    """Make the rows of the messages, inside the transaction that gives reason for them."""
    rule = alert.rule
    quiet = end_of_quiet(rule.quiet_from, rule.quiet_until, now)
    at = quiet or now
    rows = []
    for channel in channels:
        row = AlertMessage(alert=alert, channel=channel, phase=phase, created_at=now, next_try_at=at)
        row.is_held, row.give_up_at = quiet is not None, at + GIVE_UP_AFTER
        if (
            AlertMessage.objects.waiting().filter(channel=channel)[:WAITING_AT_MOST].count()
            >= WAITING_AT_MOST
        ):
            row.state, row.finished_at = MessageState.FAILED, now
            row.error, row.error_said = columns("error", _TOO_MANY).values()
        rows.append(row)
    AlertMessage.objects.bulk_create(rows)
    if quiet is None and rows:
        ids = [row.pk for row in rows]
        transaction.on_commit(lambda: enqueue.send_task(SEND_TASK, ids), robust=True)


def prune() -> int:
    """Delete what was told long ago, and of each rule what lies beyond its newest ones. Returns how many went."""
    old = timezone.now() - KEEP_FOR
    gone = 0
    for key in AlertRule.objects.values_list("pk", flat=True):
        rows = Alert.objects.filter(rule=key).exclude(over_at=None)
        beyond = list(
            rows.order_by("-began_at", "-id").values_list("pk", flat=True)[KEEP_OF_A_RULE:][:_PRUNED_TOGETHER]
        )
        aged = list(rows.filter(began_at__lt=old).values_list("pk", flat=True)[:_PRUNED_TOGETHER])
        waiting = (
            AlertMessage.objects.waiting().filter(alert__in={*beyond, *aged}).values_list("alert", flat=True)
        )
        if keys := {*beyond, *aged} - set(waiting):
            with one_writer():
                gone += Alert.objects.filter(pk__in=keys).delete()[1].get("media_pipeline.Alert", 0)
    return gone


def due(limit: int = CLAIM_AT_MOST) -> list[UUID]:
    """Return messages that should be sent now."""
    rows, now = AlertMessage.objects.waiting(), timezone.now()
    return clock.first_due(rows, "next_try_at", LONGEST_PAUSE_S, now, limit)


def next_due_within(seconds: float) -> bool:
    """Tell whether a message becomes due so soon, by time alone."""
    until = timezone.now() + timedelta(seconds=seconds)
    return clock.has_any_until(AlertMessage.objects.waiting(), "next_try_at", until)


def claim(limit: int = CLAIM_AT_MOST) -> list[AlertMessage]:
    """Claim messages that are due, in their order. Two workers never claim the same one."""
    keys = due(limit)
    if not keys:
        return []
    now = timezone.now()
    until = now + timedelta(seconds=LEASE_S)
    with one_writer():
        rows = AlertMessage.objects.filter(
            clock.is_due("next_try_at", LONGEST_PAUSE_S, now), pk__in=keys, state=MessageState.WAITING
        )
        update_in_order(rows, next_try_at=until, is_held=False, attempts=F("attempts") + 1)
    # Whoever moves the time first has it: the moment of the claim marks the rows as this worker's.
    mine = AlertMessage.objects.filter(pk__in=keys, state=MessageState.WAITING, next_try_at=until)
    parts = ("alert__rule__user", "alert__device", "channel__user")
    return list(mine.select_related(*parts).order_by("created_at", "id"))


def note_sent(messages: list[AlertMessage], answer: str) -> None:
    """Note that the other side took these, in one letter or in several."""
    now = timezone.now()
    with one_writer(), transaction.atomic():
        for phase, column in ((Phase.BEGAN, "told_at"), (Phase.OVER, "over_told_at")):
            told = [m.alert_id for m in messages if m.phase == phase]
            update_in_order(Alert.objects.filter(pk__in=told, **{column: None}), **{column: now})
        values = {"state": MessageState.SENT, "finished_at": now, "answer": answer[:300], "error": ""}
        rows = AlertMessage.objects.filter(pk__in=[m.pk for m in messages], state=MessageState.WAITING)
        update_in_order(rows, error_said={}, **values)
        note_answer(messages[0].channel, answer)


def note_failed(messages: list[AlertMessage], why: Said, permanent: bool = False) -> None:
    """Note why these were not taken, and when the channel is tried again; after a day, or for good, no more."""
    now, first = timezone.now(), messages[0]
    pause_s = PAUSES_S[min(max(first.attempts, 1), len(PAUSES_S)) - 1]
    again_at = now + timedelta(seconds=pause_s)
    ended = [m.pk for m in messages if permanent or m.give_up_at <= now or m.attempts > 200]
    with one_writer(), transaction.atomic():
        said_why = columns("error", why)
        rows = AlertMessage.objects.filter(state=MessageState.WAITING)
        update_in_order(rows.filter(pk__in=ended), state=MessageState.FAILED, finished_at=now, **said_why)
        again = [m.pk for m in messages if m.pk not in ended]
        update_in_order(rows.filter(pk__in=again), next_try_at=again_at, **said_why)
        # The others of the channel wait as well: each would find out the same for itself.
        others = AlertMessage.objects.waiting().filter(channel=first.channel_id, next_try_at__lt=again_at)
        update_in_order(others, next_try_at=again_at)
        AlertChannel.objects.filter(pk=first.channel_id).update(failed_at=now, **said_why)


def note_answer(channel: AlertChannel, answer: str) -> None:
    """Note what the other side said when it took something."""
    AlertChannel.objects.filter(pk=channel.pk).update(answered_at=timezone.now(), answer=answer[:300])


def skip(message: AlertMessage, why: Said) -> None:
    """Send this no more, and say why."""
    rows = AlertMessage.objects.filter(pk=message.pk, state=MessageState.WAITING)
    rows.update(state=MessageState.SKIPPED, finished_at=timezone.now(), **columns("error", why))


def put_back(messages: list[AlertMessage], at: datetime | None = None) -> None:
    """Give a claim back: these were not tried."""
    rows = AlertMessage.objects.filter(pk__in=[m.pk for m in messages], state=MessageState.WAITING)
    update_in_order(rows, next_try_at=at or timezone.now(), attempts=F("attempts") - 1)
