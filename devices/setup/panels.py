"""Adding a panel: which screen it is, and how it gets its pictures."""

from django import forms
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.panels.fetching.forms import RenderProfileField, hardware_address
from devices.panels.fetching.settings import change_panel
from devices.registry.models import PANEL, Device, Panel
from photohub.lib.pages.form_fields import show_errors

from . import adding
from .forms import AddForm


class PanelWay(models.TextChoices):
    """How a new panel gets its pictures."""

    ITSELF = "itself", gettext_lazy("It sets itself up, as TRMNL panels do")
    FETCH = "fetch", gettext_lazy("It sleeps, and my program fetches pictures over HTTP")
    PUSH = "push", gettext_lazy("It stays connected, and my program gets pictures over MQTT")


class AddPanelForm(AddForm):
    """The second step of adding a panel."""

    way = forms.ChoiceField(
        label=gettext_lazy("How it gets its pictures"),
        choices=PanelWay.choices,
        initial=PanelWay.ITSELF,
        required=False,
        widget=forms.RadioSelect,
    )
    hardware_address = hardware_address()
    render_profile = RenderProfileField(
        label=gettext_lazy("Screen"),
        empty_label=gettext_lazy("I will choose later"),
        help_text=gettext_lazy("Pictures are prepared for it: size, colours, format."),
    )
    kind = PANEL

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.fields["code"].help_text = _(
            "Used in addresses and topics: 2 to 32 lowercase letters, digits and dashes. It cannot be "
            "changed later; leave it empty to derive it from the name."
        )

    def clean(self) -> dict:
        """Ask for the address where the panel names itself by it."""
        super().clean()
        data = self.cleaned_data
        address = data.get("hardware_address", "")
        data["way"] = data.get("way") or (PanelWay.ITSELF if address else PanelWay.PUSH)
        if data["way"] == PanelWay.ITSELF and not address and "hardware_address" not in self.errors:
            self.add_error("hardware_address", _("The panel names itself by this address, so write it here."))
        return data

    def add(self, profile: str = PANEL, user=None) -> adding.NewDevice | None:
        """Make the panel; None when it may not be made like this, and the form then says why."""
        data = self.cleaned_data
        way = PanelWay(data["way"])
        wanted = {"render_profile": data["render_profile"]}
        if way == PanelWay.ITSELF:
            wanted["hardware_address"] = data["hardware_address"]
        try:
            with transaction.atomic():
                made = adding.add_device(
                    code=data["code"],
                    name=data["name"],
                    profile=profile,
                    groups=self.chosen_groups(),
                    with_key=way != PanelWay.ITSELF,
                    **_values_of(way),
                )
                change_panel(made.device, wanted, user)
        except ValidationError as error:
            show_errors(self, error)
            return None
        return made


def _values_of(way: PanelWay) -> dict[str, object]:
    """Return what a panel that comes by itself needs: no topics, and patience for as long as it sleeps."""
    if way == PanelWay.PUSH:
        return {}
    sleep_s = Panel().poll_interval_s
    return {"picture_topic": "", "picture_ack_topic": "", "reporting_interval_s": sleep_s}


def sets_itself_up(device: Device) -> bool:
    """Tell whether it is a panel that fetches its key by itself, so that nobody has to copy one."""
    return Panel.objects.filter(device=device).exclude(hardware_address="").exists()
