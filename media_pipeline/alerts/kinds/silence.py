"""A camera or panel that was not heard for so long.

Looked for along the time at which devices were last heard: what lies between the last look and the limit fell silent
since then. So a look costs by what it finds, however many devices there are. A device whose MQTT connection stands is not
silent; when that ends, the moment of its end counts.
"""

import time
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from devices.access.models import devices_in
from devices.registry.models import Device, LinkState
from media_pipeline.alerts import queue
from media_pipeline.alerts.models import Alert, AlertRule
from media_pipeline.captures.models import Capture
from photohub.lib import clock
from photohub.lib.clock import CLOCKS_DIFFER, Pace
from photohub.lib.database.db import inline
from photohub.lib.pages.sentences import said

from .kind import Kind, Threshold

WORD = "silent"
_AT_ONCE = 500
# A sighting is written so long after it at most.
_LATE_COMMIT = timedelta(seconds=60)
# After a start, or a clock that jumped, devices are given so long to be heard.
GRACE_AT_MOST_S = 900.0


class _Watch:
    """Since when this process can believe that who is silent is silent, and what it has looked at."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.since_s = time.monotonic()
        self.heard_until: datetime | None = None

    def listened_s(self) -> float:
        """Return for how long this process has watched by a clock that did not jump."""
        if not self.pace.is_steady():
            self.since_s, self.heard_until = time.monotonic(), None
        return time.monotonic() - self.since_s


_watch = _Watch()


def forget(listened_s: float = 0.0) -> None:
    """Watch anew, as a process that has just started, or as one that started so long ago."""
    global _watch
    _watch = _Watch()
    _watch.since_s -= listened_s


def find(rules: list[AlertRule]) -> None:
    """Tell of devices that fell silent, and of those that are heard again."""
    listened_s, now = _watch.listened_s(), timezone.now()
    for rule in rules:
        if listened_s >= min(rule.threshold, GRACE_AT_MOST_S):
            _find_silent(rule, now)
    _find_heard(rules, now)


def _limit(rule: AlertRule, now: datetime) -> datetime:
    return now - timedelta(seconds=rule.threshold)


def _cursor(rule: AlertRule, limit: datetime) -> datetime:
    """Return up to where the rule has looked. A clock that was ahead may have left one that lies after the limit."""
    seen = rule.seen_until or limit
    return limit if seen > limit + CLOCKS_DIFFER else seen


def _find_silent(rule: AlertRule, now: datetime) -> None:
    limit = _limit(rule, now)
    cursor = _cursor(rule, limit)
    found = _silent_between(rule, cursor, limit)
    if not found:
        return
    known = set(Alert.objects.open().filter(rule=rule, device__in=found).values_list("device", flat=True))
    for device in _concerned(rule, [pk for pk in found if pk not in known]):
        if silent_since(device) <= limit:
            _begin(rule, device)
    reached = _reached(found, cursor, limit)
    if rule.seen_until is None or reached > rule.seen_until or rule.seen_until > limit + CLOCKS_DIFFER:
        AlertRule.objects.filter(pk=rule.pk).update(seen_until=reached)


def _reached(found: dict[int, datetime], cursor: datetime, limit: datetime) -> datetime:
    """Return up to where all were found: of a full batch the earlier half, since two columns are walked."""
    times = sorted(at for at in found.values() if at > cursor) or [cursor]
    return min(times[-1] if len(times) < _AT_ONCE else times[_AT_ONCE // 2], limit)


def _silent_between(rule: AlertRule, cursor: datetime, limit: datetime) -> dict[int, datetime]:
    """Return devices that were last heard then, or whose connection was last lost then; and those written down late."""
    rows = Device.objects.filter(enabled=True)
    if rule.device_id is not None:
        rows = rows.filter(pk=rule.device_id)
    found: dict[int, datetime] = {}
    for part, column in ((rows, "last_seen_at"), (_lost(rows), "link_changed_at")):
        fresh = part.filter(**{f"{column}__gt": cursor, f"{column}__lte": limit}).order_by(column)
        late = part.filter(**{f"{column}__gt": cursor - _LATE_COMMIT, f"{column}__lte": min(cursor, limit)})
        for each in (fresh, late.order_by(f"-{column}")):
            for pk, at in each.values_list("pk", column)[:_AT_ONCE]:
                found[pk] = max(at, found.get(pk, at))
    return found


def _lost(rows):
    return rows.filter(link_state=inline(LinkState.LOST))


def _concerned(rule: AlertRule, keys: list[int]) -> list[Device]:
    """Return those of these devices that the rule is about, and that its person may see."""
    if not keys:
        return []
    rows = Device.objects.filter(pk__in=keys).exclude(link_state=LinkState.CONNECTED)
    if rule.group_id is not None:
        rows = rows.filter(pk__in=devices_in([rule.group_id]))
    return list(rows if rule.user is None else rows.visible_to(rule.user))


def silent_since(device: Device) -> datetime:
    """Return when the device was last there: heard, or connected."""
    heard = device.last_seen_at or device.created_at
    lost = device.link_changed_at if device.link_state == LinkState.LOST else None
    return max(heard, lost) if lost else heard


def _begin(rule: AlertRule, device: Device) -> None:
    what = said("%(device)s has been silent since %(time)s.", device=device.name, time=silent_since(device))
    newest = Capture.objects.filter(device=device).order_by("-received_at", "-id").first()
    queue.begin(rule, f"device:{device.pk}", what, device=device, capture=newest)


def _find_heard(rules: list[AlertRule], now: datetime) -> None:
    """End what is open of devices that were heard since it began. Only those heard since the last look are asked for."""
    watch, known = _watch, {rule.pk: rule for rule in rules}
    rows = Alert.objects.open().filter(rule__in=known).select_related("device")
    if watch.heard_until is not None:
        since = watch.heard_until - _LATE_COMMIT
        heard = Device.objects.filter(last_seen_at__gt=since).order_by("last_seen_at")
        rows = rows.filter(device__in=list(heard.values_list("pk", flat=True)[:10_000]))
    for alert in rows:
        device, limit = alert.device, _limit(known[alert.rule_id], now)
        if device is not None and (
            device.link_state == LinkState.CONNECTED or limit < silent_since(device) <= now + CLOCKS_DIFFER
        ):
            queue.finish(alert, said("%(device)s is there again.", device=device.name))
    watch.heard_until = clock.mend(now, now)


def waits(rules: list[AlertRule], within_s: float) -> bool:
    """Tell whether a device may fall silent so soon."""
    now = timezone.now()
    for rule in rules:
        limit = _limit(rule, now)
        until = limit + timedelta(seconds=within_s)
        rows = Device.objects.filter(enabled=True, last_seen_at__lte=until)
        if rule.device_id is not None:
            rows = rows.filter(pk=rule.device_id)
        after = _cursor(rule, limit)
        lost = Device.objects.filter(_lost_within(after, until), enabled=True)
        if rows.filter(last_seen_at__gt=after).exists() or lost.exists():
            return True
    return False


def _lost_within(after: datetime, until: datetime) -> Q:
    return Q(link_state=inline(LinkState.LOST), link_changed_at__gt=after, link_changed_at__lte=until)


KIND = Kind(
    WORD,
    gettext_lazy("A device falls silent"),
    gettext_lazy("A camera or panel was not heard for a while."),
    "wifi-off",
    "device",
    find,
    began_title=gettext_noop("%(device)s is silent"),
    over_title=gettext_noop("%(device)s is back"),
    waits=waits,
    threshold=Threshold(
        gettext_lazy("Silent for (minutes)"),
        gettext_lazy("Choose longer than the device usually pauses between two messages."),
        30 * 60,
        (60, 7 * 24 * 3600),
        per=60,
    ),
)
