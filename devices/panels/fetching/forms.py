"""The part of a device's settings that only devices that show pictures have."""

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy

from devices.panels.rendering.models import RenderProfile
from devices.panels.rendering.profiles import describe
from devices.registry.changes import change_device
from devices.registry.models import Device, Panel
from photohub.lib.pages.form_fields import MONO, number, text, tick

from .settings import POLL_INTERVAL_S, WINDOW, change_panel


def hardware_address() -> forms.CharField:
    return text(
        gettext_lazy("Hardware address"),
        gettext_lazy("AA:BB:CC:00:11:22, for panels that identify themselves by it during set-up."),
        32,
        attrs=MONO,
    )


class RenderProfileField(forms.ModelChoiceField):
    """A choice of render profiles, each by the name of its screen and what comes out."""

    def __init__(self, **options) -> None:
        super().__init__(RenderProfile.objects.order_by("ready_made", "name"), required=False, **options)

    def label_from_instance(self, obj: RenderProfile) -> str:
        return f"{obj} ({describe(obj)})"


class PanelForm(forms.Form):
    """How a panel wants its pictures, and how it gets them."""

    fetches = tick(
        gettext_lazy("Fetches its pictures"),
        gettext_lazy("For panels that sleep and fetch over HTTP. Its picture topics are then cleared."),
    )
    render_profile = RenderProfileField(
        label=gettext_lazy("Screen"),
        empty_label=gettext_lazy("none: the original file"),
        help_text=gettext_lazy("How pictures are prepared for it, unless you choose otherwise."),
    )
    window = number(
        gettext_lazy("Packets at once"),
        WINDOW,
        gettext_lazy("1, unless its program reorders packets itself."),
        required=False,
    )
    poll_interval_s = number(
        gettext_lazy("A picture every (s)"),
        POLL_INTERVAL_S,
        gettext_lazy(
            "How long the panel sleeps between fetches, or how often the next picture of its playlist is sent."
        ),
        required=False,
    )
    hardware_address = hardware_address()

    def __init__(self, *args, device: Device, **options) -> None:
        self.device = device
        panel = Panel.objects.filter(device=device).first()
        self.has_panel = panel is not None
        names = ("render_profile", "window", "poll_interval_s", "hardware_address")
        self._before = {name: getattr(panel or Panel(device=device), name) for name in names}
        fetches = self.has_panel and not device.takes_packets
        super().__init__(*args, initial={**self._before, "fetches": fetches}, **options)

    def clean_window(self) -> int:
        return self.cleaned_data["window"] or self._before["window"]

    def clean_poll_interval_s(self) -> int:
        return self.cleaned_data["poll_interval_s"] or self._before["poll_interval_s"]

    def save(self, device: Device, user) -> bool:
        """Store it for a device that shows pictures; False when it may not be, and the form then says why."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "fetches"}
        fetches = self.cleaned_data["fetches"]
        by_packets = device.takes_packets
        if not (by_packets or fetches):
            Panel.objects.filter(device=device).delete()
            return True
        if by_packets and not fetches and not self.has_panel and values == self._before:
            return True
        try:
            with transaction.atomic():
                if fetches and by_packets:
                    change_device(device, {"picture_topic": "", "picture_ack_topic": ""}, user)
                change_panel(device, values, user)
        except ValidationError as error:
            self.add_error(None, error)
            return False
        return True
