"""A new picture of a camera: between these hours, if it looks different from the one before, and not too often.

The rule says up to which picture it has looked. A picture whose commit was late is found by a look back; whether it is
told depends on the pictures alone, so looking twice tells nothing twice.
"""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from devices.access.models import devices_in
from media_pipeline.alerts import queue
from media_pipeline.alerts.models import Alert, AlertRule
from media_pipeline.alerts.quiet import is_within
from media_pipeline.captures.models import Capture, Step
from media_pipeline.formats.likeness import are_alike
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.pages.sentences import said

from .kind import Kind

WORD = "picture"
_AT_ONCE = 200
_LATE_COMMIT = timedelta(seconds=60)
# How long a picture's preview is waited for, which says what it looks like.
_PREVIEW_WITHIN = timedelta(minutes=2)


def find(rules: list[AlertRule]) -> None:
    """Tell of new pictures."""
    now = timezone.now()
    for rule in rules:
        _find(rule, now)


def _find(rule: AlertRule, now: datetime) -> None:
    seen = rule.seen_until or now
    cursor = now if seen > now + CLOCKS_DIFFER else seen
    reached = cursor
    last: dict[int, datetime] = {}
    for capture in _after(rule, cursor - _LATE_COMMIT, now)[:_AT_ONCE]:
        if _waits_for_preview(rule, capture, now):
            break
        if capture.received_at >= rule.created_at and _is_to_tell(rule, capture, last):
            _tell(rule, capture)
            last[capture.device_id] = capture.received_at
        reached = max(reached, capture.received_at)
    if reached > cursor or seen != cursor:
        AlertRule.objects.filter(pk=rule.pk).update(seen_until=reached)


def _after(rule: AlertRule, after: datetime, now: datetime) -> QuerySet:
    """Return the pictures that the rule is about and that its person may see, oldest first."""
    rows = Capture.objects.filter(received_at__gt=after, received_at__lt=now + CLOCKS_DIFFER)
    if rule.device_id is not None:
        rows = rows.filter(device=rule.device_id)
    if rule.group_id is not None:
        rows = rows.filter(device__in=devices_in([rule.group_id]))
    rows = rows if rule.user is None else rows.visible_to(rule.user)
    return rows.select_related("device").order_by("received_at", "id")


def _waits_for_preview(rule: AlertRule, capture: Capture, now: datetime) -> bool:
    is_young = abs(now - capture.received_at) < _PREVIEW_WITHIN
    return rule.only_unlike and capture.thumbnail_state == Step.PENDING and is_young


def _is_to_tell(rule: AlertRule, capture: Capture, last: dict[int, datetime]) -> bool:
    at = capture.received_at
    if rule.from_minute is not None and not is_within(rule.from_minute, rule.until_minute, at):
        return False
    if capture.device_id not in last:
        told = Alert.objects.filter(rule=rule, device=capture.device_id, lasts=False)
        newest = told.order_by("-began_at", "-id").values_list("began_at", flat=True).first()
        last[capture.device_id] = newest or datetime.min.replace(tzinfo=at.tzinfo)
    if at < last[capture.device_id] or at - last[capture.device_id] < timedelta(seconds=rule.pause_s):
        return False
    return not rule.only_unlike or not _is_like_the_one_before(capture)


def _is_like_the_one_before(capture: Capture) -> bool:
    rows = Capture.objects.filter(device=capture.device_id, received_at__lt=capture.received_at)
    before = rows.order_by("-received_at", "-id").first()
    return before is not None and are_alike(capture.dhash, before.dhash)


def _tell(rule: AlertRule, capture: Capture) -> None:
    taken = capture.captured_at or capture.received_at
    what = said("%(device)s took a picture at %(time)s.", device=capture.device.name, time=taken)
    key = f"capture:{capture.pk}"
    # Hundreds of them in the morning would be no news.
    queue.begin(
        rule,
        key,
        what,
        device=capture.device,
        capture=capture,
        lasts=False,
        may_wait=False,
        at=capture.received_at,
    )


KIND = Kind(
    WORD,
    gettext_lazy("A new picture"),
    gettext_lazy("A camera took one, in these hours, or one that looks different."),
    "image",
    "device",
    find,
    began_title=gettext_noop("%(device)s: a new picture"),
    is_of_pictures=True,
)
