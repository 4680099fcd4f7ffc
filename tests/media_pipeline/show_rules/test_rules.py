import pytest
from django.core.exceptions import ValidationError

from devices.events.models import Event
from devices.panels.rendering import profiles as render_profiles
from media_pipeline.show_rules import rules as show_rules
from media_pipeline.show_rules.models import ShowRule
from media_pipeline.show_rules.rules import delete_rule, reads_as_caption, save_rule
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def panel(code: str):
    return make_device(code, profile="panel", simulated=True)


def rule(camera, *panels, **values) -> ShowRule:
    return save_rule({"name": f"{camera} to {panels[0]}", "camera": camera} | values, panels)


def test_a_rule_is_stored_with_its_panels_and_told():
    saved = save_rule(
        {"name": "Door", "camera": make_device("yard")}, [panel("hall")], user=make_user("ada", "owner")
    )
    assert [p.code for p in saved.panels.all()] == ["hall"] and saved.created_by.username == "ada"
    assert Event.objects.filter(sentence="The rule “Door” was saved.").count() == 1


def test_what_is_left_out_stays():
    saved = rule(make_device("yard"), panel("hall"), caption="{camera}")
    changed = save_rule({"min_interval_s": 60}, rule=saved)
    assert (changed.caption, changed.min_interval_s, changed.panels.count()) == ("{camera}", 60, 1)


def test_a_rule_that_is_switched_on_again_looks_at_nothing_older():
    saved = rule(make_device("yard"), panel("hall"), enabled=False)
    assert save_rule({"enabled": True}, rule=saved).since_at > saved.since_at
    assert save_rule({"caption": "x"}, rule=saved).since_at == ShowRule.objects.get().since_at


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "playlist"}, "name"),
        ({"caption": "{device}"}, "caption"),
        ({"caption": "{camera.pk}"}, "caption"),
        ({"caption": "{"}, "caption"),
        ({"render": "nope"}, "render"),
        ({"only_fresh_s": -1}, "only_fresh_s"),
        ({"min_interval_s": "x"}, "min_interval_s"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(values, field):
    with pytest.raises(ValidationError) as refused:
        rule(make_device("yard"), panel("hall"), **values)
    assert list(refused.value.message_dict) == [field] and not ShowRule.objects.exists()


def test_a_camera_is_no_panel():
    with pytest.raises(ValidationError) as refused:
        rule(make_device("yard"), make_device("porch", name="Porch"))
    assert refused.value.message_dict["panels"] == ["Porch cannot show pictures."]


def test_a_name_is_used_once():
    saved = rule(make_device("yard"), panel("hall"), name="Door")
    with pytest.raises(ValidationError):
        rule(saved.camera, panel("desk"), name="Door")


def test_a_rule_that_closes_a_circle_is_refused_with_the_way():
    a, b, c = panel("aa"), panel("bb"), panel("cc")
    rule(a, b), rule(b, c)
    with pytest.raises(ValidationError) as refused:
        rule(c, a)
    assert refused.value.message_dict["panels"] == [
        "These rules would send pictures in a circle: cc → aa → bb → cc."
    ]


def test_a_camera_that_is_a_panel_does_not_show_its_own_pictures():
    a = panel("aa")
    with pytest.raises(ValidationError):
        rule(a, a)


def test_a_rule_that_is_off_closes_no_circle_until_it_is_switched_on():
    a, b = panel("aa"), panel("bb")
    rule(a, b)
    off = rule(b, a, enabled=False)
    with pytest.raises(ValidationError):
        save_rule({"enabled": True}, rule=off)


def test_two_ways_to_one_panel_are_no_circle():
    a, b, c = panel("aa"), panel("bb"), panel("cc")
    rule(a, b, c), rule(b, c)
    assert ShowRule.objects.count() == 2


def test_a_deleted_rule_is_gone_and_that_is_told():
    delete_rule(rule(make_device("yard"), panel("hall"), name="Door"))
    assert not ShowRule.objects.exists() and Event.objects.filter(sentence__contains="was deleted").exists()


def test_the_number_of_rules_has_an_end(monkeypatch):
    monkeypatch.setattr(show_rules, "RULES_AT_MOST", 1)
    yard, hall = make_device("yard"), panel("hall")
    rule(yard, hall, name="a")
    with pytest.raises(ValidationError):
        rule(yard, hall, name="b")


def test_a_known_profile_can_be_named():
    render_profiles.offer_ready_made()
    assert rule(make_device("yard"), panel("hall"), render="jpeg-320x240").render == "jpeg-320x240"
    assert reads_as_caption("{camera} at {time}") and reads_as_caption("")
