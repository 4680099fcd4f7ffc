"""The form of a render profile. What a value must obey is said in `panel_profiles`."""

from dataclasses import asdict

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from devices.panels.rendering import naming
from devices.panels.rendering.formats import PALETTES
from devices.panels.rendering.models import RenderProfile
from devices.panels.rendering.profile_values import MAX_SIDE_PX, Profile
from devices.panels.rendering.profiles import profile_of, save_profile
from photohub.lib.pages.form_fields import show_errors, text, tick

_OWN = "own"
_PACKED = ("raw1", "raw2", "raw4", "planes")
# Which values make sense for which formats; others are left out, so a hidden field can be no fault.
_ONLY_FOR = {
    "quality": ("jpeg",),
    "target_bytes": ("jpeg",),
    "byte_order": ("rgb565",),
    "bit_order": _PACKED,
    "inverted": _PACKED,
}
_TURNS = [(n, f"{n}°") for n in (0, 90, 180, 270)]
_EDGES = [
    ("none", gettext_lazy("nowhere")), ("top", gettext_lazy("at the top")), ("bottom", gettext_lazy("at the bottom")),
]  # fmt: skip
_FITS = [
    ("crop", gettext_lazy("fill the panel, cut the edges")),
    ("pad", gettext_lazy("whole picture, with borders")),
    ("fit", gettext_lazy("at most this large")),
]
_FORMATS = list(naming.FORMATS.items())
_COLOURS = [*naming.COLOURS.items(), (_OWN, gettext_lazy("a custom palette"))]


def _number(label, help_text="", high: int = MAX_SIDE_PX, low: int = 1) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, min_value=low, max_value=high, required=False)


def _choice(label, choices, help_text="", **options) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, choices=choices, help_text=help_text, **options)


class RenderForm(forms.Form):
    """One way in which pictures are drawn."""

    name = forms.SlugField(
        label=gettext_lazy("Name"),
        max_length=40,
        help_text=gettext_lazy("Used by programs and in addresses: lowercase letters, digits and dashes."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    label = text(gettext_lazy("Name"), chars=80)
    width = _number(gettext_lazy("Width (px)"))
    height = _number(gettext_lazy("Height (px)"))
    fit = _choice(gettext_lazy("Fit"), _FITS)
    background = text(gettext_lazy("Borders"), gettext_lazy("white, black, or #rrggbb."), 20, required=True)
    rotate = _choice(gettext_lazy("Turn the picture"), _TURNS, coerce=int)
    mounting = _choice(
        gettext_lazy("The panel is rotated by"), _TURNS, gettext_lazy("Clockwise."), coerce=int
    )
    format = _choice(gettext_lazy("Format"), _FORMATS)
    colours = _choice(gettext_lazy("Colours"), _COLOURS)
    own_colours = text(
        gettext_lazy("My palette"),
        gettext_lazy("2 to 16 colours as #rrggbb, separated by commas; their codes are 0, 1, 2 …"),
        200,
        attrs={"spellcheck": "false", "class": "mono"},
    )
    dither = _choice(
        gettext_lazy("Dithering"),
        [
            ("floyd-steinberg", gettext_lazy("smooth")),
            ("ordered", gettext_lazy("ordered")),
            ("none", gettext_lazy("none")),
        ],
    )
    quality = _number(gettext_lazy("JPEG quality"), high=95)
    target_bytes = _number(
        gettext_lazy("Maximum size (bytes)"),
        gettext_lazy("Lowers the quality until it fits. Leave empty for no limit."),
        50_000_000,
        100,
    )
    byte_order = _choice(
        gettext_lazy("Byte order"),
        [("big", gettext_lazy("big-endian")), ("little", gettext_lazy("little-endian"))],
    )
    bit_order = _choice(
        gettext_lazy("Bit order"),
        [
            ("msb", gettext_lazy("left pixel in the highest bit")),
            ("lsb", gettext_lazy("left pixel in the lowest bit")),
        ],
    )
    inverted = tick(gettext_lazy("Inverted"))
    caption_at = _choice(gettext_lazy("Caption"), _EDGES)
    stamp_at = _choice(gettext_lazy("Time"), _EDGES)
    text_px = _number(
        gettext_lazy("Text size (px)"), gettext_lazy("Leave empty to use the panel's size."), 400, 6
    )

    def __init__(
        self, *args, profile: RenderProfile | None = None, like: RenderProfile | None = None, **options
    ):
        self.profile = profile
        shown = profile or like
        self._like = shown
        initial = (
            _initial(shown) if shown else {**asdict(Profile()), "fit": "crop", "width": 800, "height": 480}
        )
        if profile is None and like is not None:
            initial |= {"name": f"{like.name}-2"[:40], "label": ""}
        super().__init__(*args, initial=initial, **options)

    def settings(self) -> dict:
        """Return the chosen values as a row keeps them, those left out that this format has no use for."""
        data = dict(self.cleaned_data)
        form = data["format"]
        if form == "original":
            return {"format": "original"}
        if data["colours"] == _OWN:
            data["colours"] = f"palette:{data['own_colours'].replace(' ', '')}"
        names = [name for name in asdict(Profile()) if form in _ONLY_FOR.get(name, (form,))]
        values = {name: data[name] for name in names}
        if values.get("quality", 1) is None:
            del values["quality"]
        return values

    def initial_settings(self) -> dict:
        """Return the values that the untouched form shows."""
        if self._like is not None:
            return self._like.settings
        return {name: value for name, value in self.initial.items() if name in asdict(Profile())}

    def save(self) -> RenderProfile | None:
        """Store it; None when it may not be, and the form then says why."""
        data = self.cleaned_data
        try:
            return save_profile(data["name"], data["label"], self.settings(), self.profile)
        except ValidationError as error:
            self.take_errors(error)
            return None

    def take_errors(self, error: ValidationError) -> None:
        """Show each sentence at its field; those of a hidden field stand above the form."""
        own = self.cleaned_data.get("colours") == _OWN
        show_errors(self, error, {"colours": "own_colours"} if own else None)


def _initial(row: RenderProfile) -> dict:
    values = asdict(profile_of(row.settings)) | {"name": row.name, "label": row.label}
    known = {f"palette:{name}" for name in PALETTES} | {"colour", "grey"}
    if values["colours"] not in known:
        values |= {"own_colours": str(values["colours"]).removeprefix("palette:"), "colours": _OWN}
    return values
