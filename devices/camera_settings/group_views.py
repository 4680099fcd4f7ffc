"""Asking several cameras at once: choose a group and what they should be, see which cameras that concerns, then ask them."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, keep_allowed, owners_only
from devices.registry.models import Device

from . import queue
from .forms import WishForm, led_choice
from .models import CameraSettings
from .queue import LABELS
from .rules import check
from .wording import show

AT_MOST = 500


class SeveralForm(WishForm):
    """What the cameras of a group should be; empty fields stay as they are."""

    group = forms.ModelChoiceField(
        DeviceGroup.objects.all(),
        label=gettext_lazy("Cameras of the group"),
        required=False,
        empty_label=gettext_lazy("all cameras"),
    )
    led = led_choice(gettext_lazy("stays as it is"))
    field_order = ["group"]

    def clean(self) -> dict[str, Any]:
        """Ask for at least one setting, and for values that can be."""
        data = super().clean() or self.cleaned_data
        chosen = self.wished()
        if not self.errors and not chosen:
            raise ValidationError(_("Fill in at least one setting."))
        if not self.errors:
            check(chosen, [])
        return data

    def wished(self) -> dict[str, Any]:
        return {name: value for name, value in self.chosen().items() if name != "group"}


@dataclass(frozen=True)
class Concerned:
    """The cameras that would be asked, those that lack a setting, and how many do not understand at all."""

    asked: list[CameraSettings]
    lacking: list[CameraSettings]
    deaf: int


def find_concerned(user, group: DeviceGroup | None, wished: dict[str, Any]) -> Concerned:
    """Return which cameras a wish for a group concerns."""
    devices = keep_allowed(Device.objects.all(), user, Action.MANAGE)
    if group is not None:
        devices = devices.in_groups([group.pk])
    understood = Q(understood=True) | Q(reported_at__isnull=False)
    rows = CameraSettings.objects.filter(understood, device__in=devices, device__enabled=True)
    found = list(rows.select_related("device").order_by("device__name", "pk")[: AT_MOST + 1])
    lacking = [row for row in found if row.known and wished.keys() - set(row.known)]
    asked = [row for row in found if row not in lacking]
    return Concerned(asked, lacking, devices.count() - len(found))


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def several(request: HttpRequest) -> HttpResponse:
    """Ask what is wished, show whom it concerns, and ask them when that was confirmed."""
    form = SeveralForm(request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "devices/camera_settings/several.html", {"form": form}, status=status)
    wished = form.wished()
    concerned = find_concerned(request.user, form.cleaned_data["group"], wished)
    if request.POST.get("confirmed") != "yes" or not 0 < len(concerned.asked) <= AT_MOST:
        context = {
            "form": form,
            "concerned": concerned,
            "wished": [(LABELS[name], show(name, value)) for name, value in check(wished, []).items()],
            "is_too_many": len(concerned.asked) > AT_MOST,
            "most": AT_MOST,
        }
        return render(request, "devices/camera_settings/several.html", context)
    _ask_all(request, concerned.asked, wished)
    return redirect("devices:camera_several")


def _ask_all(request: HttpRequest, rows: list[CameraSettings], wished: dict[str, Any]) -> None:
    asked = refused = 0
    for row in rows:
        try:
            queue.wish(row.device, wished, request.user)
            asked += 1
        except (queue.CannotSet, ValidationError):
            # It was turned off, or said meanwhile that it does not have this.
            refused += 1
    told = ngettext(
        "%(n)s camera is told as soon as it is there.",
        "%(n)s cameras are told as soon as they are there.",
        asked,
    )
    messages.success(request, told % {"n": asked})
    if refused:
        left = ngettext("%(n)s camera was left out.", "%(n)s cameras were left out.", refused)
        messages.warning(request, left % {"n": refused})
