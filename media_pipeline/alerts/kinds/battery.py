"""A battery that is nearly empty.

Only devices that were heard since the last look are looked at: nobody else's figure can have changed. A process that has
just started looks at those of the last day.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from devices.access.models import devices_in
from devices.registry.models import Device
from media_pipeline.alerts import queue
from media_pipeline.alerts.models import Alert, AlertRule
from photohub.lib.clock import CLOCKS_DIFFER
from photohub.lib.pages.sentences import said

from .kind import Kind, Threshold

WORD = "battery"
_LATE_COMMIT = timedelta(seconds=60)
_AT_FIRST = timedelta(days=1)
# A cold night brings the figure down and the sun up again: it is over only so much above the limit.
_OVER_ABOVE_PERCENT = 5
_looked_until: datetime | None = None


def forget() -> None:
    """Look as a process that has just started."""
    global _looked_until
    _looked_until = None


def find(rules: list[AlertRule]) -> None:
    """Tell of batteries that went below a rule's limit, and of those that are charged again."""
    global _looked_until
    now = timezone.now()
    since = _looked_until - _LATE_COMMIT if _looked_until else now - _AT_FIRST
    rows = Device.objects.filter(
        last_seen_at__gt=since, last_seen_at__lte=now + CLOCKS_DIFFER, battery_mv__isnull=False
    )
    known = {device.pk: device for device in rows if device.battery_percent is not None}
    for rule in rules if known else ():
        _judge(rule, known)
    _looked_until = now


def _judge(rule: AlertRule, known: dict[int, Device]) -> None:
    low = [pk for pk, device in known.items() if (device.battery_percent or 0) < rule.threshold]
    open_ = {
        alert.device_id: alert for alert in Alert.objects.open().filter(rule=rule, device__in=list(known))
    }
    for pk in _concerned(rule, [pk for pk in low if pk not in open_]):
        device = known[pk]
        what = said(
            "The battery of %(device)s is at %(percent)s %%.",
            device=device.name,
            percent=device.battery_percent,
        )
        queue.begin(rule, f"device:{pk}", what, device=device, capture=newest_of(device))
    for pk, alert in open_.items():
        device = known[pk] if pk is not None else None
        percent = device.battery_percent if device is not None else None
        if device is not None and percent is not None and percent >= rule.threshold + _OVER_ABOVE_PERCENT:
            queue.finish(
                alert,
                said("The battery of %(device)s is at %(percent)s %%.", device=device.name, percent=percent),
            )


def _concerned(rule: AlertRule, keys: Iterable[int]) -> list[int]:
    """Return those of these devices that the rule is about, and that its person may see."""
    keys = list(keys)
    if rule.device_id is not None:
        keys = [pk for pk in keys if pk == rule.device_id]
    if not keys:
        return []
    rows = Device.objects.filter(pk__in=keys, enabled=True)
    if rule.group_id is not None:
        rows = rows.filter(pk__in=devices_in([rule.group_id]))
    rows = rows if rule.user is None else rows.visible_to(rule.user)
    return list(rows.values_list("pk", flat=True))


def newest_of(device: Device):
    """Return the newest picture of a device."""
    return device.captures.order_by("-received_at", "-id").first()


KIND = Kind(
    WORD,
    gettext_lazy("A battery is nearly empty"),
    gettext_lazy("As the device's voltage says."),
    "battery-low",
    "device",
    find,
    began_title=gettext_noop("Charge the battery of %(device)s"),
    over_title=gettext_noop("The battery of %(device)s is charged"),
    threshold=Threshold(gettext_lazy("Below (%)"), "", 15, (1, 90)),
)
