"""What an owner fills in for the whole hub."""

from decimal import Decimal

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy

from devices.hub_settings import values
from photohub.lib.pages.form_fields import number

_GB = 1_000_000_000


class LanguageForm(forms.Form):
    """The language of what the hub writes by itself."""

    language = forms.ChoiceField(label=gettext_lazy("Language of the hub"), choices=settings.LANGUAGES)


class LinksForm(forms.Form):
    """Whether pictures have lasting links."""

    lasting_links = forms.TypedChoiceField(
        label=gettext_lazy("Public links"),
        choices=[
            ("on", gettext_lazy("Each picture has a lasting link that opens without a login")),
            ("off", gettext_lazy("Only pictures that somebody shares open without a login")),
        ],
        widget=forms.RadioSelect,
        coerce=lambda word: word == "on",
    )


class RetentionForm(forms.Form):
    """How much is kept. What the environment says is shown and cannot be changed."""

    keep_days = number(
        gettext_lazy("Delete pictures after so many days"),
        (0, values.DAYS_AT_MOST),
        gettext_lazy("0: never. Pictures that somebody marked to be kept always stay."),
    )
    keep_gb = forms.DecimalField(
        label=gettext_lazy("Most GB of pictures on this hub"),
        help_text=gettext_lazy("0: no limit. Beyond it the oldest go."),
        min_value=0,
        max_value=1_000_000,
        decimal_places=1,
    )
    fields_of = {"keep_days": values.KEEP_DAYS, "keep_gb": values.KEEP_BYTES}

    def __init__(self, data=None) -> None:
        size_gb = Decimal(values.keep_bytes()) / _GB
        super().__init__(data, initial={"keep_days": values.keep_days(), "keep_gb": round(size_gb, 1)})
        for name, which in self.fields_of.items():
            self.fields[name].disabled = values.is_set_outside(which)

    @property
    def chosen(self) -> dict[values.Choosable, int]:
        """Return what was chosen that is another value than holds, by setting."""
        size_gb: Decimal = self.cleaned_data["keep_gb"]
        asked = {
            values.KEEP_DAYS: self.cleaned_data["keep_days"],
            values.KEEP_BYTES: int(size_gb * _GB),
        }
        changed = {"keep_days": values.KEEP_DAYS, "keep_gb": values.KEEP_BYTES}
        return {which: asked[which] for name, which in changed.items() if name in self.changed_data}

    def shown_where_set(self) -> dict[str, str]:
        """Return the variable of each field that the environment sets."""
        return {name: which.variable for name, which in self.fields_of.items() if self.fields[name].disabled}
