import pytest

from devices.panels.rendering.formats import PALETTES
from devices.panels.rendering.profile_values import DITHERS, EDGES, FITS, FORMATS, TURNS
from devices.panels.rendering.profiles import save_profile
from devices.panels.showing.forms import RenderForm

pytestmark = pytest.mark.django_db


def form_data(**changes) -> dict:
    form = RenderForm()
    data = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in data.items() if value is not None and value is not False}
    return data | {"name": "kitchen"} | changes


def settings_of_form(**changes) -> dict:
    form = RenderForm(form_data(**changes))
    assert form.is_valid(), form.errors
    return form.settings()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("format", set(FORMATS)),
        ("fit", set(FITS)),
        ("dither", set(DITHERS)),
        ("rotate", set(TURNS)),
        ("caption_at", set(EDGES)),
        ("colours", {f"palette:{name}" for name in PALETTES} | {"colour", "grey", "own"}),
    ],
)
def test_every_value_of_a_profile_can_be_chosen(field, values):
    assert {value for value, _words in RenderForm().fields[field].choices} == values


def test_values_that_a_format_has_no_use_for_are_left_out():
    raw = settings_of_form(format="raw1", colours="palette:bw", quality="50", target_bytes="9000")
    assert "quality" not in raw and "target_bytes" not in raw and raw["bit_order"] == "msb"
    jpeg = settings_of_form(quality="", inverted="on")
    assert "inverted" not in jpeg and "quality" not in jpeg
    assert settings_of_form(format="original") == {"format": "original"}


def test_a_faulty_own_palette_is_told_at_its_own_field():
    form = RenderForm(form_data(format="png", colours="own", own_colours="#fff"))
    assert form.is_valid() and form.save() is None
    assert "2 to 16 different colours" in form.errors["own_colours"][0]


def test_a_taken_name_is_told_at_the_name():
    save_profile("kitchen", "", {"format": "png"})
    form = RenderForm(form_data())
    assert form.is_valid() and form.save() is None and "name" in form.errors


def test_a_profile_can_be_changed_under_its_name():
    kitchen = save_profile("kitchen", "", {"format": "png"})
    form = RenderForm(form_data(label="Kitchen", format="bmp"), profile=kitchen)
    assert form.is_valid() and form.save() == kitchen
    assert kitchen.settings["format"] == "bmp" and RenderForm(profile=kitchen)["label"].value() == "Kitchen"
