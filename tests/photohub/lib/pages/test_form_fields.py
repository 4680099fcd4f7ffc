from django import forms
from django.core.exceptions import ValidationError

from photohub.lib.pages.form_fields import number, show_errors, text, tick


class Form(forms.Form):
    name = text("Name", chars=5)
    wait_s = number("Wait", (1, 60))
    on = tick("On")


def test_each_field_keeps_to_its_bounds():
    assert Form({"name": "porch", "wait_s": "60", "on": "on"}).is_valid()
    assert set(Form({"name": "porches", "wait_s": "0"}).errors) == {"name", "wait_s"}


def test_a_number_has_to_be_given_and_the_others_need_not():
    assert set(Form({}).errors) == {"wait_s"}


def test_a_refusal_stands_at_its_field_or_above_the_form():
    form = Form({"wait_s": "1"})
    form.is_valid()
    show_errors(form, ValidationError({"label": "Taken.", "topic": "Not yours."}), {"label": "name"})
    assert form.errors == {"name": ["Taken."], "__all__": ["Not yours."]}
    show_errors(form, ValidationError("Not now."))
    assert form.errors["__all__"] == ["Not yours.", "Not now."]
