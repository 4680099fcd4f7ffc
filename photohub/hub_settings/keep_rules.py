"""Limits of some cameras and groups, on the settings page: chosen after a look at what they would take."""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from devices.access.groups import DeviceGroup
from devices.access.rights import owners_only
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.registry.models import Device
from media_pipeline.keep_rules import rules
from media_pipeline.keep_rules.models import KeepRule
from media_pipeline.storage import going
from photohub.lib.pages.form_fields import number, text
from photohub.lib.pages.sentences import Said, said

_OFFERED = 200


class KeepRuleForm(forms.Form):
    """Whose pictures are kept for how long: of a camera by its code, or of a group by its name."""

    whose = text(
        gettext_lazy("Camera or group"),
        gettext_lazy("The code of a camera, or the name of a group."),
        80,
        required=True,
        attrs={"list": "keep-rule-whose", "autocomplete": "off"},
    )
    days = number(
        gettext_lazy("Delete pictures after so many days"), (0, rules.DAYS_AT_MOST), gettext_lazy("0: never.")
    )
    named: dict

    def clean_whose(self) -> str:
        word = self.cleaned_data["whose"].strip()
        # A code is unique; a group may bear a camera's.
        if device := Device.objects.filter(code=word).first():
            self.named = {"device": device}
        elif group := DeviceGroup.objects.filter(name__iexact=word).first():
            self.named = {"group": group}
        else:
            raise forms.ValidationError(_("No camera has this code, and no group this name."))
        return word


def offered() -> list[tuple[str, str]]:
    """Return what the field proposes: groups, then cameras, of many the first."""
    groups = [
        (name, "") for name in DeviceGroup.objects.order_by("name").values_list("name", flat=True)[:_OFFERED]
    ]
    return groups + list(Device.objects.order_by("name").values_list("code", "name")[:_OFFERED])


@dataclass(frozen=True)
class Line:
    """One limit as the page tells it."""

    rule: KeepRule
    sentence: Said
    waits: bool


def lines() -> list[Line]:
    """Return all limits of some."""
    now = timezone.now()
    return [Line(rule, sentence_of(rule), rules.is_waiting(rule, now)) for rule in rules.told()]


def look_ahead(form: KeepRuleForm) -> going.Going:
    """Return what would go by a limit that was filled in."""
    named, days = form.named, form.cleaned_data["days"]
    if "device" in named:
        return going.older_than(days, [named["device"].pk])
    # A camera's own limit goes before its group's.
    cameras = Device.objects.in_groups([named["group"]]).filter(keep_rule__keep_days=None)
    return going.older_than(days, list(cameras.values_list("pk", flat=True)))


def sentence_of(rule: KeepRule) -> Said:
    """Say a limit with whose it is."""
    name, days = str(rule), rule.keep_days
    if days is None:
        return said("Pictures of %(name)s are kept as those of the whole hub.", name=name)
    if not days:
        return said("Pictures of %(name)s are kept for ever.", name=name)
    return said("Pictures of %(name)s are deleted after %(days)s days.", name=name, days=days)


@require_POST
@owners_only
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a limit back that does not hold yet, or let the hub's hold again."""
    rule = get_object_or_404(KeepRule.objects.select_related("device", "group"), pk=pk)
    with transaction.atomic():
        is_back = rules.take_back(rule)
        if not is_back:
            rule = rules.choose(None, **({"device": rule.device} if rule.device else {"group": rule.group}))
        _record(request, rule)
    if is_back:
        messages.success(request, _("Taken back: nothing was deleted by it."))
    else:
        messages.success(request, _saved(rule))
    return redirect("hub_settings")


def keep(request: HttpRequest, form: KeepRuleForm) -> None:
    """Keep a limit that was looked at."""
    with transaction.atomic():
        rule = rules.choose(form.cleaned_data["days"], **form.named)
        _record(request, rule)
    messages.success(request, _saved(rule))


def _record(request: HttpRequest, rule: KeepRule) -> None:
    events.record(EventType.NOTICE, sentence_of(rule), actor=request.user)
    audit.note(Word.CHANGED, Kind.HUB, details=sentence_of(rule))


def _saved(rule: KeepRule) -> str:
    if rules.is_waiting(rule, timezone.now()):
        return _("Saved. Lower limits hold in an hour; until then you can take them back.")
    return _("Saved.")
