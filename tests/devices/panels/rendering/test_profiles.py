import pytest
from django.core.exceptions import ValidationError

from devices.panels.rendering.models import RenderProfile
from devices.panels.rendering.profile_values import PROFILES, Fault, Profile
from devices.panels.rendering.profiles import (
    in_words,
    offer_ready_made,
    profile_of,
    save_profile,
    settings_of,
)

pytestmark = pytest.mark.django_db


def test_the_ready_made_ones_are_there_and_mean_what_they_meant():
    offer_ready_made()
    offer_ready_made()
    rows = {row.name: profile_of(row.settings) for row in RenderProfile.objects.filter(ready_made=True)}
    assert rows == PROFILES


def test_one_that_is_no_longer_offered_becomes_the_owners():
    RenderProfile.objects.create(name="gone", ready_made=True)
    offer_ready_made()
    assert not RenderProfile.objects.get(name="gone").ready_made


def test_no_settings_are_the_bytes_as_they_are_and_the_plain_profile_is_not():
    assert profile_of({}).format == "original"
    assert profile_of(settings_of(Profile())) == Profile()


def test_a_value_of_a_later_version_is_left_out():
    assert profile_of({"format": "png", "sparkle": 3}) == Profile(format="png")


def test_an_owners_profile_is_kept_and_changed():
    row = save_profile("kitchen", "Kitchen", {"format": "png", "width": 200})
    save_profile("kitchen", "Kitchen door", {"format": "png", "width": 300}, row)
    assert profile_of(RenderProfile.objects.get().settings).width == 300


@pytest.mark.parametrize(
    ("name", "values", "field"),
    [
        ("a", {"width": 0}, "width"),
        ("a", {"format": "raw1"}, "colours"),
        ("a", {"sparkle": 3}, "settings"),
        ("not a slug", {}, "name"),
        ("none", {}, "name"),
    ],
)
def test_what_cannot_be_is_refused_by_field(name, values, field):
    with pytest.raises(ValidationError) as refused:
        save_profile(name, "", values)
    assert field in refused.value.message_dict


def test_ready_made_ones_stay_as_they_are():
    offer_ready_made()
    with pytest.raises(ValidationError):
        save_profile("as-is", "", {}, RenderProfile.objects.get(name="as-is"))


def test_every_fault_has_words_of_its_own():
    words = [w.split()[0] for w in Fault.__doc__.splitlines() if w.startswith("    ") and w.strip()]
    known = [w for w in words if "_" in w or w in ("unknown", "unchanged")]
    assert len(known) == 11 and all(in_words(Fault("x", word)) != word for word in known)
