"""The form for a new rollout."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.access.groups import DeviceGroup
from devices.firmware.errors import FirmwareError, RolloutError
from devices.firmware.models import Firmware
from devices.firmware.rollouts import planning
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import Rollout
from devices.firmware.rollouts.planning import Plan
from devices.registry.models import Device
from photohub.lib.pages.form_fields import narrow, number, tick


class _FittingDevices(forms.ModelMultipleChoiceField):
    """Devices by name, code and what they run."""

    def label_from_instance(self, obj: Device) -> str:
        return " · ".join(filter(None, (str(obj), obj.code, obj.firmware_version)))


class RolloutForm(forms.Form):
    """Who gets an image, in which steps, and when to stop."""

    group = forms.ModelChoiceField(
        DeviceGroup.objects.none(),
        label=gettext_lazy("Group"),
        required=False,
        empty_label=gettext_lazy("No group: the devices chosen below"),
    )
    devices = _FittingDevices(
        Device.objects.none(),
        label=gettext_lazy("Devices"),
        required=False,
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
    )
    steps = forms.CharField(
        label=gettext_lazy("Steps, in percent"),
        max_length=100,
        initial="1, 10, 100",
        help_text=gettext_lazy("The last one is 100. Each step waits until the one before has succeeded."),
    )
    soak_minutes = number(gettext_lazy("Wait between steps (min)"), (0, planning.SOAK_S[1] // 60), initial=10)
    rate_per_minute = number(
        gettext_lazy("Devices per minute"),
        planning.RATE_PER_MINUTE,
        gettext_lazy("0: as fast as possible."),
        initial=0,
    )
    error_percent = number(
        gettext_lazy("Pause at this percentage of failures"), planning.ERROR_PERCENT, initial=10
    )
    error_minimum = number(gettext_lazy("… once so many have ended"), planning.ERROR_MINIMUM, initial=5)
    deadline_minutes = number(
        gettext_lazy("Count a device as failed after this much silence (min)"),
        (1, planning.DEADLINE_S[1] // 60),
        initial=30,
    )
    allow_rollback = tick(
        gettext_lazy("Allow devices to go back to a lower counter"),
        gettext_lazy("To undo a bad release. Who allowed it is recorded."),
    )

    def __init__(self, *args, firmware: Firmware, user, **options) -> None:
        super().__init__(*args, **options)
        self.firmware = firmware
        self.user = user
        self.left_out: dict[str, str] = {}
        visible = Device.objects.visible_to(user)
        counters = planning.counters_of(firmware)
        misfits = {d.pk: planning.misfit(d, firmware, rollback=True, counters=counters) for d in visible}
        fitting = visible.filter(pk__in=[key for key, word in misfits.items() if not word])
        self.running_it = sum(word == "already" for word in misfits.values())
        narrow(self, "devices", fitting.order_by("name", "code"))
        groups = DeviceGroup.objects.visible_to(user).holding(fitting)
        narrow(self, "group", groups.order_by("name"))

    def clean_steps(self) -> list[int]:
        """Read the percents."""
        words = self.cleaned_data["steps"].replace(",", " ").replace("，", " ").replace("%", " ").split()
        if not words or not all(word.isascii() and word.isdigit() and len(word) < 4 for word in words):
            raise forms.ValidationError(_("Enter percentages separated by commas, like 1, 10, 100."))
        percents = [int(word) for word in words]
        try:
            planning.read_steps(percents)
        except RolloutError as error:
            raise forms.ValidationError(error.sentence) from error
        return percents

    def clean(self) -> dict:
        """Ask for one of the two."""
        super().clean()
        values = self.cleaned_data
        if not self.errors and bool(values.get("group")) == bool(values.get("devices")):
            raise forms.ValidationError(_("Choose a group or devices."))
        return values

    def outlook(self) -> dict | None:
        """Return what the values would do: how many devices, and up to how many each step goes."""
        if not self.is_valid():
            return None
        plan = self._plan()
        fitting, left_out = rollouts.sort_out(self.firmware, self._devices(), rollback=plan.allow_rollback)
        steps, step_of = planning.split(plan.steps, len(fitting))
        reach = [sum(step <= number for step in step_of) for number in range(len(steps))]
        stages = [
            {"percent": step["percent"], "devices": devices, "wait": say_wait(step["soak_s"])}
            for step, devices in zip(steps, reach, strict=True)
        ]
        return {"devices": len(fitting), "left_out": len(left_out), "stages": stages}

    def _devices(self):
        group, chosen = self.cleaned_data["group"], self.cleaned_data["devices"]
        return Device.objects.visible_to(self.user).in_groups([group]) if group else chosen

    def save(self, *, start: bool) -> Rollout | None:
        """Make the rollout; None when it cannot be, and the form then says why."""
        group = self.cleaned_data["group"]
        try:
            rollout, left_out = rollouts.create(
                self.firmware,
                self._devices(),
                self.user,
                plan=self._plan(),
                group_name=group.name if group else "",
                start=start,
            )
        except (RolloutError, FirmwareError) as error:
            self.add_error(None, error.sentence)
            return None
        self.left_out = left_out
        return rollout

    def _plan(self) -> Plan:
        values = self.cleaned_data
        soak_s = 60 * values["soak_minutes"]
        steps = planning.read_steps(
            [{"percent": percent, "soak_s": 0 if percent == 100 else soak_s} for percent in values["steps"]]
        )
        return Plan(
            steps=steps,
            rate_per_minute=values["rate_per_minute"],
            error_percent=values["error_percent"],
            error_minimum=values["error_minimum"],
            deadline_s=60 * values["deadline_minutes"],
            allow_rollback=values["allow_rollback"],
        )


def say_wait(soak_s: int) -> str:
    """Say how long a rollout waits after a step, in whole days or hours where it can; nothing below a minute."""
    minutes = soak_s // 60
    if minutes and minutes % 1440 == 0:
        return ngettext("then wait %(n)s day", "then wait %(n)s days", minutes // 1440) % {
            "n": minutes // 1440
        }
    if minutes and minutes % 60 == 0:
        return ngettext("then wait %(n)s hour", "then wait %(n)s hours", minutes // 60) % {"n": minutes // 60}
    words = ngettext("then wait %(n)s minute", "then wait %(n)s minutes", minutes) % {"n": minutes}
    return words if minutes else ""
