"""The form of a schedule. What a value must obey is said once, in `rules`; the form only asks and passes on."""

import re
from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from photohub.lib.pages.form_fields import number, offer, show_errors, text, tick
from photohub.lib.pages.times.wording import weekdays

from .models import EVERY_DAY, Schedule, ScheduleKind
from .planning import hub_place
from .rules import FIELDS, LIMITS, draft, preview, save_schedule
from .times import read_moment

_TIME = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_BETWEEN = re.compile(r"[,;，；、\s]+(?![+-])")


def _time(label, help_text="") -> forms.CharField:
    return text(label, help_text, 16, attrs=_TIME)


def _degrees(label, help_text="") -> forms.FloatField:
    return forms.FloatField(
        label=label, help_text=help_text, required=False, widget=forms.NumberInput(attrs={"step": "any"})
    )


class ScheduleForm(forms.Form):
    """Asks which cameras, when, and when not."""

    name = text(gettext_lazy("Name"), "", 80, required=True, attrs={"autocomplete": "off"})
    target = forms.ChoiceField(label=gettext_lazy("Camera or group"))
    kind = forms.ChoiceField(
        label=gettext_lazy("How often"), choices=ScheduleKind.choices, widget=forms.RadioSelect
    )
    every_min = number(
        gettext_lazy("Every (minutes)"),
        LIMITS["every_min"],
        gettext_lazy("Counted from midnight, or from the beginning of its hours."),
        required=False,
    )
    times = text(
        gettext_lazy("Times"),
        gettext_lazy("Such as 12:00, 18:00, sunrise, sunset-30 (30 minutes before)."),
        400,
        attrs=_TIME,
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days"),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one day.")},
    )
    from_at = _time(gettext_lazy("From"), gettext_lazy("Such as 08:00 or sunrise. Empty: all day."))
    until_at = _time(gettext_lazy("Until"), gettext_lazy("Such as 18:00 or sunset."))
    quiet_from = _time(gettext_lazy("Quiet from"), gettext_lazy("Nothing is asked in quiet hours."))
    quiet_until = _time(gettext_lazy("Quiet until"))
    stagger_s = number(
        gettext_lazy("Seconds between two cameras of a group"),
        LIMITS["stagger_s"],
        gettext_lazy("0: all at once."),
        required=False,
    )
    latitude = _degrees(gettext_lazy("Latitude"), gettext_lazy("North of the equator positive."))
    longitude = _degrees(gettext_lazy("Longitude"), gettext_lazy("East of Greenwich positive."))
    enabled = tick(gettext_lazy("Turned on"))

    def __init__(self, *args, user, schedule: Schedule | None = None, initial: dict | None = None) -> None:
        self.schedule, self._user = schedule, user
        super().__init__(*args, initial=_values_of(schedule or Schedule()) | (initial or {}))
        offer(self, "target", _targets(user, schedule))
        offer(self, "weekdays", list(enumerate(weekdays())))
        self.place = hub_place()
        self.following: list[datetime] = [] if schedule is None else preview(schedule)

    def values(self) -> dict:
        """Return what was entered, as the rules know it."""
        entered = dict(self.cleaned_data)
        kind, _sign, key = entered.pop("target").partition(":")
        entered["device"] = Device.objects.filter(code=key).first() if kind == "device" else None
        entered["group"] = DeviceGroup.objects.filter(pk=key).first() if kind == "group" else None
        entered["weekdays"] = sum(1 << day for day in set(entered["weekdays"]))
        entered["times"] = [time for time in _BETWEEN.split(entered["times"].strip()) if time]
        # What is not asked of this kind keeps what it had.
        entered["every_min"] = entered["every_min"] or LIMITS["every_min"][0]
        entered["stagger_s"] = entered["stagger_s"] or 0
        return {name: entered[name] for name in FIELDS}

    def clean(self) -> dict:
        super().clean()
        values = self.cleaned_data
        if values.get("kind") == ScheduleKind.EVERY and not values.get("every_min") and not self.errors:
            self.add_error("every_min", _("Enter a number of minutes."))
        if not self.errors:
            try:
                self.following = preview(draft(self.values(), self.schedule))
            except ValidationError as error:
                self._show(error)
        return values

    def save(self) -> Schedule | None:
        """Store the schedule; None when it may not be, with the reasons at their fields."""
        try:
            return save_schedule(self.values(), self.schedule, self._user)
        except ValidationError as error:
            self._show(error)
            return None

    def _show(self, error: ValidationError) -> None:
        show_errors(self, error, {"device": "target", "group": "target"})


def _targets(user, schedule: Schedule | None) -> list:
    cameras = Device.objects.visible_to(user).taking_commands().order_by("name", "code")
    devices = [(f"device:{code}", name or code) for code, name in cameras.values_list("code", "name")]
    groups = [(f"group:{group.pk}", group.name) for group in DeviceGroup.objects.visible_to(user)]
    kept = _target_of(schedule) if schedule else ""
    if kept and kept not in dict(devices + groups):
        # It stays, whatever became of it.
        devices.append((kept, str(schedule.device if schedule else "")))
    return [("", _("choose one")), (_("Cameras"), devices), (_("Groups"), groups)]


def _target_of(schedule: Schedule) -> str:
    if schedule.device is not None:
        return f"device:{schedule.device.code}"
    return f"group:{schedule.group_id}" if schedule.group_id else ""


def _values_of(schedule: Schedule) -> dict:
    values = {name: getattr(schedule, name) for name in FIELDS if name not in ("device", "group")}
    values["target"] = _target_of(schedule)
    values["times"] = ", ".join(_as_entered(time) for time in schedule.times)
    values |= {
        name: _as_entered(values[name]) for name in ("from_at", "until_at", "quiet_from", "quiet_until")
    }
    values["weekdays"] = [day for day in range(7) if (schedule.weekdays or EVERY_DAY) >> day & 1]
    return values


def _as_entered(time: str) -> str:
    """Return a time with the sun's words in the reader's language, where they can be read again."""
    told = time.replace("sunrise", _("sunrise")).replace("sunset", _("sunset"))
    return told if read_moment(told) else time


class PlaceForm(forms.Form):
    """Where the hub is, for the sun."""

    latitude = forms.FloatField(
        label=gettext_lazy("Latitude"),
        min_value=-90,
        max_value=90,
        help_text=gettext_lazy("North of the equator positive."),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    longitude = forms.FloatField(
        label=gettext_lazy("Longitude"),
        min_value=-180,
        max_value=180,
        help_text=gettext_lazy("East of Greenwich positive."),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
