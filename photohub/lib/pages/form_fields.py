"""The fields that forms of every room ask with: a line of text, a whole number within bounds, a tick."""

from django import forms
from django.utils.functional import Promise

Words = str | Promise

# For what machines read: a phone shall neither capitalise nor correct it.
MONO = {"autocapitalize": "none", "spellcheck": "false", "class": "mono"}


def text(
    label: Words, help_text: Words = "", chars: int = 64, *, required: bool = False, attrs: dict | None = None
) -> forms.CharField:
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(
        label=label, help_text=help_text, max_length=chars, required=required, widget=widget
    )


def number(
    label: Words, bounds: tuple[int, int], help_text: Words = "", *, required: bool = True, initial=None
) -> forms.IntegerField:
    low, high = bounds
    return forms.IntegerField(
        label=label, help_text=help_text, min_value=low, max_value=high, required=required, initial=initial
    )


def tick(label: Words, help_text: Words = "", *, initial: bool | None = None) -> forms.BooleanField:
    return forms.BooleanField(label=label, help_text=help_text, required=False, initial=initial)
