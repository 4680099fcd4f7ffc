"""Rules, alerts and channels in words, for pages and programs."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.access.rights import is_owner
from devices.registry.disclosure import tell_group
from devices.registry.models import Device
from media_pipeline.captures.models import Capture

from .channels.models import AlertChannel
from .kinds.kind import Kind
from .kinds.table import BY_WORD, KINDS
from .letters import path_of
from .models import Alert, AlertMessage, AlertRule, MessageState, Phase

_OF_PERSONS = [kind.word for kind in KINDS if kind.about == "person"]
_TONES = {
    MessageState.WAITING: "warn",
    MessageState.SENT: "good",
    MessageState.SKIPPED: "off",
    MessageState.FAILED: "bad",
}
_STATES: dict[tuple[str, str], str | Promise] = {
    (Phase.BEGAN, MessageState.SENT): gettext_lazy("told"),
    (Phase.OVER, MessageState.SENT): gettext_lazy("told that it is over"),
    (Phase.BEGAN, MessageState.WAITING): gettext_lazy("waiting"),
    (Phase.OVER, MessageState.WAITING): gettext_lazy("waiting"),
}


@dataclass(frozen=True)
class RuleLine:
    """One rule as pages show it."""

    rule: AlertRule
    kind: Kind | None
    what: str
    more: str
    channels: list[AlertChannel]


@dataclass(frozen=True)
class AlertLine:
    """One alert as pages show it, with how far each of its messages is."""

    alert: Alert
    kind: Kind | None
    path: str
    has_picture: bool
    told: list[tuple[AlertMessage, str, str]]


def lines_of_rules(rows: Iterable[AlertRule], user) -> list[RuleLine]:
    """Dress rules for a page."""
    return [_rule_line(rule, user) for rule in rows]


def with_parts(rules: QuerySet) -> QuerySet:
    """Fetch along what a line of a rule shows."""
    return rules.select_related("device", "group", "user").prefetch_related("channels")


def _rule_line(rule: AlertRule, user) -> RuleLine:
    kind = BY_WORD.get(rule.kind)
    more = [part for part in (_figure(rule, kind), _hours(rule), _quiet(rule)) if part]
    about = subject_of(rule, user) if kind is not None and kind.about == "device" else ""
    words = str(kind.label) if kind else rule.kind
    return RuleLine(
        rule, kind, words, " · ".join([about, *more] if about else more), list(rule.channels.all())
    )


def subject_of(rule: AlertRule, user) -> str:
    """Return which devices the rule is about, as far as the person may know their names."""
    if rule.device is not None:
        seen = Device.objects.visible_to(user).filter(pk=rule.device_id).exists()
        return rule.device.name if seen else _("a device you cannot see")
    if rule.group is not None:
        return tell_group(user, rule.group.name) or _("a group you cannot see")
    return _("all devices")


def _figure(rule: AlertRule, kind: Kind | None) -> str:
    if kind is None or kind.threshold is None:
        return ""
    if kind.threshold.per == 1:
        return _("below %(percent)s %%") % {"percent": rule.threshold}
    return duration(rule.threshold)


def duration(seconds: int) -> str:
    """Return a duration in its largest whole unit."""
    if seconds % 3600 == 0:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}


def _hours(rule: AlertRule) -> str:
    if rule.from_minute is None or rule.until_minute is None:
        return ""
    words = {"since": clock_of(rule.from_minute), "until": clock_of(rule.until_minute)}
    return _("%(since)s to %(until)s") % words


def _quiet(rule: AlertRule) -> str:
    if rule.quiet_from is None or rule.quiet_until is None:
        return ""
    words = {"since": clock_of(rule.quiet_from), "until": clock_of(rule.quiet_until)}
    return _("quiet from %(since)s to %(until)s") % words


def clock_of(minute: int) -> str:
    """Return a minute of the day as the clock shows it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def alerts_seen_by(user) -> QuerySet:
    """Return what was told of by the person's rules and, for owners, by the hub's: of devices that he may see now."""
    rows = Alert.objects.filter(rule__in=AlertRule.objects.seen_by(user))
    if not is_owner(user):
        # The rule's own device may have left his sight since; and what concerns the hub, if he was an owner.
        rows = rows.filter(
            Q(device__in=Device.objects.visible_to(user)) | Q(device=None, rule__kind__in=_OF_PERSONS)
        )
    told = AlertMessage.objects.select_related("channel").order_by("created_at", "id")
    parts = rows.select_related("rule", "device")
    return parts.prefetch_related(Prefetch("messages", told, to_attr="told"))


def lines_of_alerts(alerts: Iterable[Alert]) -> list[AlertLine]:
    """Dress alerts for a page."""
    found = list(alerts)
    keys = [alert.capture_id for alert in found if alert.capture_id]
    shown = set(Capture.objects.filter(pk__in=keys).values_list("pk", flat=True))
    return [_alert_line(alert, alert.capture_id in shown) for alert in found]


def _alert_line(alert: Alert, has_picture: bool) -> AlertLine:
    told = [(message, _TONES[MessageState(message.state)], state_of(message)) for message in alert.told]
    return AlertLine(alert, BY_WORD.get(alert.rule.kind), path_of(alert), has_picture, told)


def state_of(message: AlertMessage) -> str:
    """Say how far one message is."""
    if message.is_held:
        return _("waiting for the end of the quiet hours")
    return str(_STATES.get((message.phase, message.state)) or MessageState(message.state).label)
