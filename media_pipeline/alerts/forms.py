"""The form of a rule. What a value must obey is said once, in `rules`; the form only asks and passes on."""

from datetime import time

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from photohub.lib.pages.form_fields import narrow, number, show_errors, tick

from .channels.models import AlertChannel
from .kinds.kind import Kind
from .models import AlertRule
from .rules import PAUSE_BOUNDS_S, save_rule


def _hour(label, help_text="") -> forms.TimeField:
    shown = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    return forms.TimeField(label=label, help_text=help_text, required=False, widget=shown)


_TIMES = {
    "from_minute": "from_time",
    "until_minute": "until_time",
    "quiet_from": "quiet_from_time",
    "quiet_until": "quiet_until_time",
}


class RuleForm(forms.Form):
    """Asks about what, by which channels, and when not. Fields that the kind does not have are left out."""

    device = forms.ModelChoiceField(
        queryset=Device.objects.none(),
        to_field_name="code",
        required=False,
        label=gettext_lazy("Device"),
        empty_label=gettext_lazy("all devices"),
    )
    group = forms.ModelChoiceField(
        queryset=DeviceGroup.objects.none(),
        required=False,
        label=gettext_lazy("or group"),
        empty_label=gettext_lazy("no particular one"),
    )
    threshold = number("", (0, 10_000_000))
    from_time = _hour(gettext_lazy("Only from"), gettext_lazy("By the hub's clock. Empty: all day."))
    until_time = _hour(gettext_lazy("until"))
    only_unlike = tick(
        gettext_lazy("Only if it looks different from the one before"),
        gettext_lazy("Nothing moved, nothing is told."),
    )
    pause_s = number(
        gettext_lazy("Pause between two pictures (minutes)"),
        (0, PAUSE_BOUNDS_S[1] // 60),
        gettext_lazy("0: every picture."),
        required=False,
        initial=5,
    )
    channels = forms.ModelMultipleChoiceField(
        queryset=AlertChannel.objects.none(),
        label=gettext_lazy("Channels"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one channel.")},
    )
    quiet_from_time = _hour(
        gettext_lazy("Quiet from"), gettext_lazy("Messages wait until these hours are over. Empty: never.")
    )
    quiet_until_time = _hour(gettext_lazy("until"))
    enabled = tick(
        gettext_lazy("Turned on"), gettext_lazy("It tells of what happens from now on."), initial=True
    )

    def __init__(
        self, *args, user, kind: Kind, rule: AlertRule | None = None, for_hub: bool = False, initial=None
    ) -> None:
        self.rule, self.kind, self._user = rule, kind, user
        self.for_hub = rule.user_id is None if rule else for_hub
        super().__init__(*args, initial=(_values_of(rule, kind) if rule else {}) | (initial or {}))
        self._leave_out(kind)
        channels = AlertChannel.objects.filter(user=None if self.for_hub else user)
        narrow(self, "channels", channels)
        if "device" in self.fields:
            narrow(self, "device", Device.objects.visible_to(user).order_by("name"))
            narrow(self, "group", DeviceGroup.objects.visible_to(user))

    def _leave_out(self, kind: Kind) -> None:
        if kind.about != "device":
            del self.fields["device"], self.fields["group"]
        if not kind.is_of_pictures:
            for name in ("from_time", "until_time", "only_unlike", "pause_s"):
                del self.fields[name]
        if kind.threshold is None:
            del self.fields["threshold"]
            return
        low, high = (bound // kind.threshold.per for bound in kind.threshold.bounds)
        default = kind.threshold.default // kind.threshold.per
        figure = number(kind.threshold.label, (low, high), kind.threshold.help, initial=default)
        self.fields["threshold"] = figure

    def save(self) -> AlertRule | None:
        """Store the rule; None when it may not be, with the reasons at their fields."""
        given = dict(self.cleaned_data)
        channels = given.pop("channels")
        values: dict[str, object] = {"kind": self.kind.word}
        for column, field in _TIMES.items():
            if field in given:
                values[column] = _minute_of(given.pop(field))
        if self.kind.threshold is not None:
            values["threshold"] = given.pop("threshold") * self.kind.threshold.per
        if "pause_s" in given:
            values["pause_s"] = (given.pop("pause_s") or 0) * 60
        try:
            return save_rule(values | given, channels, self._user, self.rule, for_hub=self.for_hub)
        except ValidationError as error:
            show_errors(self, error, _TIMES)
            return None

    @property
    def unseen(self) -> str:
        """Say where the rule is about something that the person cannot see any more."""
        rule = self.rule
        if rule is None or rule.device is None or "device" not in self.fields:
            return ""
        visible = Device.objects.visible_to(self._user).filter(pk=rule.device_id).exists()
        return "" if visible else _("You cannot see this rule's device any more.")


def _values_of(rule: AlertRule, kind: Kind) -> dict:
    values = {
        "device": rule.device.code if rule.device else None,
        "group": rule.group_id,
        "only_unlike": rule.only_unlike,
        "pause_s": rule.pause_s // 60,
        "enabled": rule.enabled,
        "channels": [channel.pk for channel in rule.channels.all()],
    }
    if kind.threshold is not None:
        values["threshold"] = rule.threshold // kind.threshold.per
    return values | {field: _time_of(getattr(rule, column)) for column, field in _TIMES.items()}


def _minute_of(value: time | None) -> int | None:
    return None if value is None else value.hour * 60 + value.minute


def _time_of(minute: int | None) -> time | None:
    return None if minute is None else time(minute // 60, minute % 60)
