"""The form of a time-lapse. What a value must obey is said once, in `time_lapses`; the form only asks and passes on."""

from datetime import datetime, timedelta, tzinfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.access.rights import Action, keep_allowed
from devices.registry.models import Device
from media_pipeline.captures.filters import Filters
from photohub.lib.pages.form_fields import narrow, offer, show_errors, tick
from photohub.lib.pages.instants import BadFilter, read_instant

from .models import TimeLapse
from .queue import Outlook, Wish, ask_for, check_wish

_FORM = "%Y-%m-%dT%H:%M"
_STEPS: list[tuple[int, str | Promise]] = [
    (1, gettext_lazy("every picture")),
    (2, gettext_lazy("every 2nd")),
    (5, gettext_lazy("every 5th")),
    (10, gettext_lazy("every 10th")),
    (30, gettext_lazy("every 30th")),
    (60, gettext_lazy("every 60th")),
]
_SPEEDS = (1, 2, 5, 10, 15, 24, 30, 60)
_PLACES = {"from": "since", "to": "before"}
_WIDTHS = (640, 960, 1280, 1920)


class TimeLapseForm(forms.Form):
    """Asks for a camera and a time, or keeps pictures that were chosen in the history; and how the film runs."""

    device = forms.ModelChoiceField(
        queryset=Device.objects.none(), to_field_name="code", label=gettext_lazy("Camera")
    )
    since = forms.CharField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Leave empty to start with its first picture."),
    )
    before = forms.CharField(
        label=gettext_lazy("To"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Leave empty for “until now”."),
    )
    step = forms.TypedChoiceField(label=gettext_lazy("Pictures"), coerce=int, choices=_STEPS, initial=1)
    skip_like = tick(gettext_lazy("Leave out pictures that look like the previous one"))
    fps = forms.TypedChoiceField(label=gettext_lazy("Speed"), coerce=int, initial=10)
    width = forms.TypedChoiceField(
        label=gettext_lazy("Width"), coerce=int, choices=[(w, f"{w} px") for w in _WIDTHS], initial=1280
    )
    stamped = tick(gettext_lazy("Show the time on each picture"), initial=True)

    def __init__(self, *args, user, zone: tzinfo, chosen: list[str], **options) -> None:
        super().__init__(*args, **options)
        self._zone, self.chosen = zone, chosen
        narrow(self, "device", devices_of(user))
        offer(self, "fps", [(n, _("%(count)s pictures a second") % {"count": n}) for n in _SPEEDS])
        if chosen:
            del self.fields["since"], self.fields["before"]
        self.outlook: Outlook | None = None

    def clean(self) -> dict:
        super().clean()
        values = self.cleaned_data
        if not self.errors:
            self._look_ahead()
        return values

    def _look_ahead(self) -> None:
        try:
            self.outlook = check_wish(self.wish())
        except BadFilter as error:
            self.add_error(None, str(error))
        except ValidationError as error:
            show_errors(self, error, _PLACES)

    def wish(self) -> Wish:
        """Return what was asked for. Raises BadFilter for a time that cannot be read."""
        values = self.cleaned_data
        times = {"from": values.get("since", ""), "to": values.get("before", "")}
        return Wish(
            device=values["device"],
            since=read_instant(times, "from", self._zone),
            before=read_instant(times, "to", self._zone, whole_day=True),
            chosen=tuple(self.chosen),
            step=values["step"],
            skip_like=values["skip_like"],
            fps=values["fps"],
            width=values["width"],
            stamped=values["stamped"],
            zone=str(self._zone),
        )

    def save(self, user) -> TimeLapse | None:
        """Queue the film; None when it cannot be, with the reasons at their fields."""
        try:
            return ask_for(self.wish(), user)
        except ValidationError as error:
            show_errors(self, error, _PLACES)
            return None


def devices_of(user):
    return keep_allowed(Device.objects.cameras(), user, Action.COMMAND).order_by("name")


def initial_of(filters: Filters, zone: tzinfo) -> dict:
    """Return what the form begins with: the device and time of the history's filters, else the last day."""
    since = filters.since or (None if filters.before else timezone.now() - timedelta(days=1))
    return {
        "device": filters.devices[0] if filters.devices else None,
        "since": _write(since, zone),
        "before": _write(filters.before, zone),
    }


def _write(at: datetime | None, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime(_FORM) if at else ""
