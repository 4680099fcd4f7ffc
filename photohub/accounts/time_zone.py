"""The hub's time zone, as an owner chooses it: proposed from his browser at the set-up, changed on the page of settings."""

from functools import cache
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from devices.access.rights import owners_only
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.hub_settings import choices
from photohub.lib.pages.sentences import said
from photohub.lib.pages.timezones import find_timezone, hub_timezone

# The other names are of countries and offsets, for old programs.
_REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


@cache
def timezone_names() -> tuple[str, ...]:
    """Return the zones that people choose from."""
    return ("UTC", *sorted(n for n in available_timezones() if n.partition("/")[0] in _REGIONS and "/" in n))


class TimeZoneField(forms.ChoiceField):
    """A time zone by its name; one that a browser says and that is not in the list is taken too."""

    def __init__(self, *, is_proposed: bool = False) -> None:
        # static/js/zone.js proposes the browser's, where the server did not know it.
        super().__init__(
            label=gettext_lazy("Time zone of the hub"),
            required=not is_proposed,
            help_text=gettext_lazy("For the time on panels and in captions, and for schedules."),
            choices=lambda: [(name, name.replace("_", " ")) for name in timezone_names()],
            widget=forms.Select(attrs={"data-zone-proposed": ""} if is_proposed else {}),
        )

    def valid_value(self, value: str) -> bool:
        return find_timezone(value) is not None


class TimeZoneForm(forms.Form):
    """The hub's zone."""

    zone = TimeZoneField()


def is_set_outside() -> bool:
    """Tell whether the environment says the zone, so that nobody chooses it here."""
    return bool(settings.HUB_TIME_ZONE)


def form_of_hub() -> TimeZoneForm | None:
    """Return the form with what holds now; none where the environment says it."""
    return None if is_set_outside() else TimeZoneForm(initial={"zone": str(hub_timezone())})


@require_POST
@owners_only
def choose(request: HttpRequest) -> HttpResponse:
    """Let the hub live in another zone."""
    form = TimeZoneForm(request.POST)
    if is_set_outside():
        messages.error(request, _("The time zone is set by PHOTOHUB_TIME_ZONE. Change it there."))
    elif not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["zone"]))
    else:
        zone = form.cleaned_data["zone"]
        with transaction.atomic():
            choices.choose_timezone(zone)
            audit.note(Word.CHANGED, Kind.HUB, details=said("Time zone: %(zone)s.", zone=zone))
        messages.success(request, _("The hub's time zone is %(zone)s.") % {"zone": form.cleaned_data["zone"]})
    return redirect("hub_settings")
