"""What an alert rule may be: making, changing and deleting one."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.groups import DeviceGroup
from devices.access.rights import is_owner
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.registry.models import Device
from photohub.lib.pages.sentences import in_english

from . import queue
from .channels.models import AlertChannel
from .kinds.table import BY_WORD
from .models import Alert, AlertRule
from .quiet import DAY_MINUTES

RULES_AT_MOST = 100
PAUSE_BOUNDS_S = (0, 24 * 3600)
FIELDS = (
    "kind",
    "device",
    "group",
    "threshold",
    "from_minute",
    "until_minute",
    "quiet_from",
    "quiet_until",
    "only_unlike",
    "pause_s",
    "enabled",
)
# When one of these changes, what is open belongs to another rule.
_MEANING = ("kind", "device_id", "group_id", "threshold", "enabled")


def save_rule(
    values: Mapping[str, object],
    channels: Iterable[AlertChannel] | None,
    user,
    rule: AlertRule | None = None,
    *,
    for_hub: bool = False,
) -> AlertRule:
    """Make a rule, or change one; what is left out stays. Raises ValidationError by field, in sentences."""
    row = AlertRule.objects.get(pk=rule.pk) if rule else AlertRule(user=None if for_hub else user)
    before = {name: getattr(row, name) for name in _MEANING}
    for field, value in values.items():
        if field not in FIELDS:
            raise KeyError(field)
        setattr(row, field, value)
    chosen = list(channels) if channels is not None else (list(row.channels.all()) if rule else [])
    _check(row, chosen, user, is_new=rule is None)
    meaning_changed = rule is None or before != {name: getattr(row, name) for name in _MEANING}
    if meaning_changed:
        # It tells of what happens from now on.
        row.seen_until = timezone.now() - timedelta(
            seconds=row.threshold if BY_WORD[row.kind].threshold else 0
        )
    with transaction.atomic():
        row.save()
        row.channels.set(chosen)
        _note(Word.CHANGED if rule else Word.ADDED, row)
    if rule is not None and meaning_changed:
        queue.close(Alert.objects.open().filter(rule=row))
    return row


def delete_rule(rule: AlertRule) -> None:
    """Delete a rule, with what it told of."""
    with transaction.atomic():
        _note(Word.DELETED, rule)
        rule.delete()


def _note(word: Word, rule: AlertRule) -> None:
    kind = BY_WORD.get(rule.kind)
    audit.note(word, Kind.ALERT_RULE, rule.pk, in_english(kind.label) if kind else rule.kind)


def _check(rule: AlertRule, channels: list[AlertChannel], user, *, is_new: bool) -> None:
    faults: dict[str, str] = {}
    kind = BY_WORD.get(rule.kind)
    if kind is None:
        raise ValidationError({"kind": _("Choose what to tell of.")})
    if (kind.about == "hub" or rule.user is None) and not is_owner(user):
        faults["kind"] = _("Only owners can be told of this.")
    if kind.threshold is not None:
        low, high = kind.threshold.bounds
        if isinstance(rule.threshold, bool) or not low <= rule.threshold <= high:
            words = {"low": low // kind.threshold.per, "high": high // kind.threshold.per}
            faults["threshold"] = _("Enter a number from %(low)s to %(high)s.") % words
    else:
        rule.threshold = 0
    faults |= _check_subject(rule, kind.about, user)
    faults |= _check_hours(rule)
    if not PAUSE_BOUNDS_S[0] <= rule.pause_s <= PAUSE_BOUNDS_S[1]:
        faults["pause_s"] = _("Enter a pause of at most a day.")
    if not channels:
        faults["channels"] = _("Choose at least one channel.")
    elif any(channel.user_id != rule.user_id for channel in channels):
        faults["channels"] = _("A rule and its channels belong to the same person, or both to the hub.")
    if is_new and AlertRule.objects.filter(user=rule.user).count() >= RULES_AT_MOST:
        faults["kind"] = _("There are already %(count)s rules.") % {"count": RULES_AT_MOST}
    if faults:
        raise ValidationError(faults)


def _check_subject(rule: AlertRule, about: str, user) -> dict[str, str]:
    if about != "device":
        rule.device = rule.group = None
        return {}
    if rule.device is not None and rule.group is not None:
        return {"device": _("Choose a device or a group, not both.")}
    if rule.device is not None and not Device.objects.visible_to(user).filter(pk=rule.device.pk).exists():
        return {"device": _("There is no such device.")}
    if rule.group is not None and not DeviceGroup.objects.visible_to(user).filter(pk=rule.group.pk).exists():
        return {"group": _("There is no such group.")}
    return {}


def _check_hours(rule: AlertRule) -> dict[str, str]:
    faults = {}
    for since, until in (("from_minute", "until_minute"), ("quiet_from", "quiet_until")):
        values = getattr(rule, since), getattr(rule, until)
        if (values[0] is None) != (values[1] is None):
            faults[since if values[0] is None else until] = _("Enter both times, or none.")
        elif values[0] is not None and values[0] == values[1]:
            faults[until] = _("Enter two different times.")
        elif any(value is not None and not 0 <= value < DAY_MINUTES for value in values):
            faults[since] = _("Enter times of a day.")
    return faults
