"""Which devices Home Assistant is told of."""

from django import forms
from django.utils.translation import gettext_lazy

from devices.access.groups import DeviceGroup
from devices.mqtt.home_assistant import Chosen
from photohub.lib.pages.form_fields import narrow


class GroupsForm(forms.Form):
    """The groups whose devices it is told of; none chosen: all devices."""

    groups = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Groups"),
        queryset=DeviceGroup.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        narrow(self, "groups", DeviceGroup.objects.all())


def form_of(chosen: Chosen) -> GroupsForm:
    """Return the form with what holds now."""
    return GroupsForm(initial={"groups": list(chosen.groups)})
