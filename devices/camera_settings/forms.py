"""The form that asks what a camera should be: empty fields are left to the camera."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from devices.protocol.camera_settings import FRAME_SIZES, LED_WORDS, NAMES, NUMBERS

from .models import CameraSettings
from .queue import LABELS

_LED = {"off": gettext_lazy("off"), "on": gettext_lazy("on"), "auto": gettext_lazy("automatic")}
_LEFT = gettext_lazy("left to the camera")


def _size() -> forms.CharField:
    hint = gettext_lazy("A name like SVGA, or width and height like 800x600.")
    attrs = {"autocapitalize": "none", "spellcheck": "false", "list": "frame-sizes"}
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(
        label=capfirst(LABELS["frame_size"]), help_text=hint, max_length=12, required=False, widget=widget
    )


def _number(name: str, hint) -> forms.IntegerField:
    low, high = NUMBERS[name]
    return forms.IntegerField(
        label=capfirst(LABELS[name]), help_text=hint, min_value=low, max_value=high, required=False
    )


def led_choice(empty) -> forms.ChoiceField:
    """Return the field of the light; `empty` says what it means to choose nothing."""
    choices = [("", empty), *((word, _LED[word]) for word in LED_WORDS)]
    return forms.ChoiceField(label=capfirst(LABELS["led"]), required=False, choices=choices)


class WishForm(forms.Form):
    """What one camera, or several, should be."""

    frame_size = _size()
    quality = _number("quality", gettext_lazy("1 to 100 percent; more is better and larger."))
    led = led_choice(_LEFT)
    interval_s = _number(
        "interval_s", gettext_lazy("Seconds from one picture that it takes by itself to the next.")
    )
    sleep_s = _number("sleep_s", gettext_lazy("Seconds that it sleeps between two wakes; 0: it stays awake."))
    sizes = tuple(FRAME_SIZES)

    def __init__(self, *args, row: CameraSettings | None = None, **options) -> None:
        super().__init__(*args, initial=row.desired if row is not None else {}, **options)
        if row is not None and row.known:
            for name in set(NAMES) - set(row.known):
                del self.fields[name]

    def values(self) -> dict[str, Any]:
        """Return what was chosen; None for what is left to the camera."""
        return {name: value if value != "" else None for name, value in self.cleaned_data.items()}

    def chosen(self) -> dict[str, Any]:
        """Return only what was filled in, for several cameras at once."""
        return {name: value for name, value in self.values().items() if value is not None}
