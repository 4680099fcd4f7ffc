"""The form of a rule. What a value must obey is said once, in `show_rules`; the form only asks and passes on."""

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.panels.deliveries.screens import screens_of
from devices.panels.rendering.profiles import choices_of
from devices.registry.models import Device
from photohub.lib.pages.form_fields import narrow, number, offer, show_errors, text, tick

from .models import ShowRule
from .rules import FIELDS, LIMITS, save_rule


class RuleForm(forms.Form):
    """Asks for a camera, the panels that show its pictures, and which of them."""

    name = text(
        gettext_lazy("Name"),
        gettext_lazy("Appears with every picture the rule sends."),
        80,
        required=True,
        attrs={"autocomplete": "off"},
    )
    camera = forms.ModelChoiceField(
        queryset=Device.objects.none(),
        to_field_name="code",
        label=gettext_lazy("Camera"),
        empty_label=gettext_lazy("choose one"),
    )
    panels = forms.ModelMultipleChoiceField(
        queryset=Device.objects.none(),
        to_field_name="code",
        label=gettext_lazy("Panels"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one panel.")},
    )
    caption = text(
        gettext_lazy("Caption"),
        gettext_lazy("{camera} becomes the camera's name, {time} the time of the picture."),
        200,
        attrs={"autocomplete": "off"},
    )
    # Django takes fields off the class, so the form's own `render` stays.
    # pyrefly: ignore[bad-override]
    render = forms.ChoiceField(label=gettext_lazy("Render profile"), required=False)
    only_fresh_s = number(
        gettext_lazy("Only pictures newer than (s)"),
        LIMITS["only_fresh_s"],
        gettext_lazy("Pictures that are older when they arrive are not shown. 0: any age."),
    )
    min_interval_s = number(
        gettext_lazy("Pause between two pictures (s)"),
        LIMITS["min_interval_s"],
        gettext_lazy("Pictures that come sooner are not shown. 0: no pause."),
    )
    only_asked = tick(gettext_lazy("Only requested pictures"))
    enabled = tick(gettext_lazy("Turned on"), gettext_lazy("It applies to pictures that arrive from now on."))

    def __init__(self, *args, user, rule: ShowRule | None = None, initial: dict | None = None) -> None:
        self.rule, self._user = rule, user
        super().__init__(*args, initial=(_values_of(rule) if rule else _defaults()) | (initial or {}))
        kept = [panel.pk for panel in rule.panels.all()] if rule else []
        chosen = [device.pk for device in screens_of(user)] + kept
        narrow(self, "panels", Device.objects.filter(pk__in=chosen).order_by("name"))
        narrow(self, "camera", _cameras_of(user, rule))
        drawn = [(profile.name, f"{profile} ({words})") for profile, words in choices_of()]
        plain = [("", _("each panel's own")), ("none", _("none: the original file"))]
        offer(self, "render", plain + drawn)

    def save(self) -> ShowRule | None:
        """Store the rule; None when it may not be, with the reasons at their fields."""
        values = dict(self.cleaned_data)
        panels = values.pop("panels")
        try:
            return save_rule(values, panels, self.rule, self._user)
        except ValidationError as error:
            show_errors(self, error)
            return None


def _cameras_of(user, rule: ShowRule | None) -> QuerySet:
    """Return the cameras to choose from; the one that the rule has stays, whatever it is."""
    visible = Device.objects.visible_to(user)
    kept = visible.filter(pk=rule.camera_id) if rule else visible.none()
    return (visible.cameras() | kept).order_by("name")


def _defaults() -> dict:
    blank = ShowRule()
    return {name: getattr(blank, name) for name in FIELDS if name != "camera"}


def _values_of(rule: ShowRule) -> dict:
    values = {name: getattr(rule, name) for name in FIELDS}
    return values | {"camera": rule.camera.code, "panels": [panel.code for panel in rule.panels.all()]}
