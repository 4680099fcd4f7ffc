"""Which limit holds for which camera: its own, else the longest of its groups, else the hub's.

A shorter one holds an hour after it was chosen, as the hub's own does (`devices.hub_settings.values`).
"""

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from devices.hub_settings import values
from devices.registry.models import Device
from photohub.lib import clock

from .models import KeepRule

DAYS_AT_MOST = values.DAYS_AT_MOST


def holds(rule: KeepRule, now: datetime) -> int | None:
    """Return the limit of a rule that holds now; None: that of the hub."""
    return rule.before_days if is_waiting(rule, now) else rule.keep_days


def is_waiting(rule: KeepRule, now: datetime) -> bool:
    """Tell whether what was chosen does not hold yet."""
    longest_s = values.HOLDS_AFTER.total_seconds()
    return rule.holds_from is not None and not clock.has_come(rule.holds_from, longest_s, now)


def days_by_camera() -> dict[int, int]:
    """Return the limit of each camera that has another one than the hub's, by its key."""
    now = timezone.now()
    rules = list(KeepRule.objects.all())
    of_groups = {
        rule.group_id: days for rule in rules if rule.group_id and (days := holds(rule, now)) is not None
    }
    found: dict[int, int] = {}
    if of_groups:
        members = KeepRule.objects.filter(group__in=of_groups, group__devices__isnull=False)
        for group, camera in members.values_list("group", "group__devices"):
            days = of_groups[group]
            found[camera] = longer(found[camera], days) if camera in found else days
    for rule in rules:
        if rule.device_id and (days := holds(rule, now)) is not None:
            found[rule.device_id] = days
    return found


def limits() -> Iterator[tuple[int, int | None]]:
    """Yield each limit in days with the key of its camera; None: it is that of all cameras."""
    hub, others = values.keep_days(), days_by_camera()
    if not others:
        yield from [(hub, None)] if hub else []
        return
    # Each by itself, along the index of its own pictures: among all, those that stay would be walked past every time.
    for camera in Device.everything.order_by("pk").values_list("pk", flat=True):
        if days := others.get(camera, hub):
            yield days, camera


def longer(one: int, other: int) -> int:
    """Return the longer of two limits; 0 is for ever."""
    return max(one, other) if one and other else 0


def is_shorter(days: int | None, before: int | None) -> bool:
    """Tell whether more would go by one limit than by another; None is the hub's."""
    one, other = (values.keep_days() if limit is None else limit for limit in (days, before))
    return one != other and longer(one, other) == other


def choose(days: int | None, **whose) -> KeepRule:
    """Keep the limit of a `device` or a `group`; a shorter one holds an hour later. None: as of the whole hub."""
    now = timezone.now()
    rule = KeepRule.objects.filter(**whose).first() or KeepRule(**whose)
    before = holds(rule, now)
    rule.keep_days, rule.before_days, rule.holds_from = days, before, None
    if is_shorter(days, before):
        rule.holds_from = now + values.HOLDS_AFTER
    rule.save()
    return rule


def take_back(rule: KeepRule) -> bool:
    """Let the limit go on holding that held before. Returns whether the newer one did not hold yet."""
    if not is_waiting(rule, timezone.now()):
        return False
    rule.keep_days, rule.holds_from = rule.before_days, None
    rule.save()
    return True


def told() -> list[KeepRule]:
    """Return the rules that say something: those given up stay until somebody chooses anew."""
    now = timezone.now()
    rules = KeepRule.objects.select_related("device", "group").order_by("group__name", "device__name", "pk")
    return [rule for rule in rules if rule.keep_days is not None or is_waiting(rule, now)]
