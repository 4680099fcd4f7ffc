"""The fields that forms of every room ask with, and how a form shows what the rules refused."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise  # The name that the types of Django give a lazy text.

Words: TypeAlias = "str | _StrPromise"

# For what machines read: a phone shall neither capitalise nor correct it.
MONO = {"autocapitalize": "none", "spellcheck": "false", "class": "mono"}


def text(
    label: Words,
    help_text: Words = "",
    chars: int = 64,
    *,
    required: bool = False,
    attrs: dict | None = None,
    widget: type[forms.Widget] = forms.TextInput,
) -> forms.CharField:
    shown = widget(attrs=attrs)
    return forms.CharField(
        label=label, help_text=help_text, max_length=chars, required=required, widget=shown
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


def narrow(form: forms.BaseForm, name: str, rows: QuerySet) -> None:
    """Let a field choose among these rows."""
    field = form.fields[name]
    if not isinstance(field, forms.ModelChoiceField):
        raise TypeError(f"{name} chooses among no rows.")
    field.queryset = rows


def offer(form: forms.BaseForm, name: str, choices: list) -> None:
    """Let a field choose among these."""
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(f"{name} is no choice.")
    field.choices = choices


def show_errors(form: forms.Form, error: ValidationError, places: Mapping[str, str] | None = None) -> None:
    """Show each sentence at its field; those of fields that are not asked stand above the form.

    `places` names the fields that the form calls otherwise than the rules.
    """
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    for name, errors in by_field.items():
        place = (places or {}).get(name, name)
        form.add_error(place if place in form.fields else None, errors)
