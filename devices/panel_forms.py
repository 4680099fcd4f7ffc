"""The form of what only panels have; what a value must obey is said in `panel_settings`."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from .models import Device, Panel, RenderProfile
from .panel_settings import POLL_INTERVAL_S, WINDOW, change_panel


class PanelForm(forms.Form):
    """What an owner may change of a panel."""

    render_profile = forms.ModelChoiceField(
        label=gettext_lazy("Render profile"),
        queryset=RenderProfile.objects.all(),
        required=False,
        empty_label=gettext_lazy("as they are"),
        help_text=gettext_lazy("In which form it gets its pictures."),
    )
    poll_interval_s = forms.IntegerField(
        label=gettext_lazy("Time between fetches (s)"),
        min_value=POLL_INTERVAL_S[0],
        max_value=POLL_INTERVAL_S[1],
        help_text=gettext_lazy("How long it sleeps; over MQTT the pace of its playlist."),
    )
    window = forms.IntegerField(
        label=gettext_lazy("Packets at once"),
        min_value=WINDOW[0],
        max_value=WINDOW[1],
        help_text=gettext_lazy("More than 1 only for panels that keep the order themselves."),
    )
    hardware_address = forms.CharField(
        label=gettext_lazy("Hardware address"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Of a panel that sets itself up. Its picture topics are emptied."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "class": "mono"}),
    )

    def __init__(self, *args, device: Device, **options) -> None:
        self.device = device
        panel = Panel.objects.filter(device=device).first() or Panel(device=device)
        values = {name: getattr(panel, name) for name in self.base_fields}
        super().__init__(*args, initial=values, **options)

    def save(self, user) -> bool:
        """Store the changes; False when they may not be, and the form then says why."""
        try:
            change_panel(Device.objects.get(pk=self.device.pk), self.cleaned_data, user)
        except ValidationError as error:
            self.add_error(None, error)
            return False
        return True
