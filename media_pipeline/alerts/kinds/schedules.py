"""A camera whose scheduled picture did not come; over with the next one that does.

The runs of schedules say it (`devices.schedules`). Only those that ended since the last look are looked at; one that was
told of is not told of again, so a look back does no harm.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from devices.access.models import devices_in
from devices.registry.models import Device
from devices.schedules.ending import why_of
from devices.schedules.models import RunState, ScheduledRun
from media_pipeline.alerts import queue
from media_pipeline.alerts.models import Alert, AlertRule
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.pages.sentences import said

from .kind import Kind

WORD = "missed"
_AT_ONCE = 1000
_LATE_COMMIT = timedelta(seconds=60)
# An answer ends its run within a day of its time.
_ENDS_WITHIN = timedelta(days=1)


def find(rules: list[AlertRule]) -> None:
    """Tell of cameras that missed a scheduled picture, and of those that sent one again."""
    now = timezone.now()
    for rule in rules:
        _find(rule, now)
        _end(rule)


def _find(rule: AlertRule, now: datetime) -> None:
    seen = rule.seen_until or now
    cursor = now if seen > now + CLOCKS_DIFFER else seen
    missed = ScheduledRun.objects.missed().filter(
        ended_at__gt=cursor - _LATE_COMMIT, ended_at__gte=rule.created_at, ended_at__lt=now + CLOCKS_DIFFER
    )
    runs = list(missed.select_related("device").order_by("ended_at", "pk")[:_AT_ONCE])
    concerned = _concerned(rule, {run.device_id for run in runs})
    for run in runs:
        if run.device_id in concerned and not _came_since(run.device_id, run.due_at):
            _tell(rule, run)
    reached = max((run.ended_at for run in runs if run.ended_at), default=cursor)
    if reached > cursor or seen != cursor:
        AlertRule.objects.filter(pk=rule.pk).update(seen_until=reached)


def _tell(rule: AlertRule, run: ScheduledRun) -> None:
    what = said(
        "The picture of %(device)s for %(time)s did not come. %(why)s",
        device=run.device.name,
        time=run.last_at,
        why=why_of(run),
    )
    newest = run.device.captures.order_by("-received_at", "-id").first()
    queue.begin(rule, f"device:{run.device_id}", what, device=run.device, capture=newest, at=run.last_at)


def _end(rule: AlertRule) -> None:
    for alert in Alert.objects.open().filter(rule=rule).select_related("device"):
        if alert.device is not None and _came_since(alert.device.pk, alert.began_at):
            queue.finish(
                alert, said("The scheduled pictures of %(device)s come again.", device=alert.device.name)
            )


def _came_since(device: int, at: datetime) -> bool:
    """Tell whether a picture came for a time of a schedule behind this one."""
    return ScheduledRun.objects.filter(device=device, due_at__gt=at, state=RunState.ANSWERED).exists()


def _concerned(rule: AlertRule, keys: Iterable[int]) -> set[int]:
    """Return those of these cameras that the rule is about, and that its person may see."""
    rows = Device.objects.filter(pk__in=keys, enabled=True)
    if rule.device_id is not None:
        rows = rows.filter(pk=rule.device_id)
    if rule.group_id is not None:
        rows = rows.filter(pk__in=devices_in([rule.group_id]))
    rows = rows if rule.user is None else rows.visible_to(rule.user)
    return set(rows.values_list("pk", flat=True)) if keys else set()


KIND = Kind(
    WORD,
    gettext_lazy("A scheduled picture did not come"),
    gettext_lazy("A camera missed a time of its schedule, for whatever reason."),
    "calendar-x",
    "device",
    find,
    began_title=gettext_noop("%(device)s missed a scheduled picture"),
    over_title=gettext_noop("%(device)s sends its scheduled pictures again"),
)
