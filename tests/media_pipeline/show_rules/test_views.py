import pytest
from django.urls import reverse

from devices.access.groups import DeviceGroup
from media_pipeline.picture_files import store
from media_pipeline.show_rules import runs
from media_pipeline.show_rules.models import ShowRule
from media_pipeline.show_rules.rules import save_rule
from tests.builders import make_capture, make_device, make_user

LIST, NEW = reverse("rules"), reverse("rule_new")


@pytest.fixture
def yard(db):
    return make_device("yard", name="Yard")


@pytest.fixture
def hall(db):
    return make_device("hall", profile="panel", name="Hall")


@pytest.fixture
def alice(db, client):
    client.force_login(make_user("alice", "owner"))


def typed(**changes) -> dict:
    """Return what the form of a rule would post."""
    values = {"name": "Door", "camera": "yard", "panels": ["hall"], "only_fresh_s": 600, "min_interval_s": 0}
    return values | {"caption": "", "render": "", "enabled": "on"} | changes


def make_rule(camera, panel, **values) -> ShowRule:
    return save_rule({"name": "Door", "camera": camera} | values, [panel])


def page_of(client, url: str) -> str:
    return client.get(url).content.decode()


def test_without_rules_the_owner_is_told_what_one_does(alice, client):
    page = page_of(client, LIST)
    assert "No rules yet" in page and f'href="{NEW}"' in page


def test_the_list_says_from_where_to_where_and_what_came_last(alice, client, yard, hall):
    rule = make_rule(yard, hall, only_asked=True, caption="At {time}")
    make_capture(yard)
    runs.run_rule(rule)
    page = page_of(client, LIST)
    assert all(words in page for words in ("Door", ">Yard</a>\n→\n", ">Hall</a>", "At {time}", "not shown"))
    assert "Nobody requested this picture." in page and reverse("rule", args=[rule.pk]) in page


def test_a_panels_rules_are_listed_from_its_tab(alice, client, yard, hall):
    make_rule(yard, hall)
    make_device("desk", profile="panel", simulated=True)
    assert f"{LIST}?panel=hall" in page_of(client, reverse("devices:show", args=["hall"]))
    assert "Door" in page_of(client, f"{LIST}?panel=hall")
    assert "No rules for this panel" in page_of(client, f"{LIST}?panel=desk")


def test_the_page_of_panels_leads_to_the_rules(alice, client, hall):
    assert f'href="{LIST}"' in page_of(client, reverse("panels:list"))


def test_a_rule_is_made(alice, client, yard, hall):
    answer = client.post(NEW, typed(caption="{camera}", render="none", min_interval_s=60, only_asked="on"))
    rule = ShowRule.objects.get()
    assert answer["Location"] == reverse("rule", args=[rule.pk])
    assert (rule.camera.code, [p.code for p in rule.panels.all()]) == ("yard", ["hall"])
    assert (rule.caption, rule.render, rule.min_interval_s, rule.only_asked) == ("{camera}", "none", 60, True)
    assert rule.created_by.username == "alice"


def test_what_is_known_already_is_filled_in(alice, client, yard, hall):
    page = page_of(client, f"{NEW}?panel=hall&camera=yard")
    assert '<option value="yard" selected>' in page
    assert 'value="hall" id="id_panels_0" checked' in page


def test_without_a_panel_the_form_says_how_to_get_one(alice, client, yard):
    assert "There is no panel yet." in page_of(client, NEW)


def test_a_rule_is_changed_and_switched_off(alice, client, yard, hall):
    rule = make_rule(yard, hall, caption="old")
    edit = reverse("rule_edit", args=[rule.pk])
    assert 'value="old"' in page_of(client, edit)
    values = typed(caption="new")
    del values["enabled"]
    client.post(edit, values)
    rule.refresh_from_db()
    assert (rule.caption, rule.enabled) == ("new", False)
    assert "This rule is turned off" in page_of(client, reverse("rule", args=[rule.pk]))


def test_a_circle_is_refused_beside_the_panels(alice, client, yard, hall):
    make_capture(hall)
    make_rule(yard, hall, name="there")
    yard.picture_topic, yard.picture_ack_topic = "photohub/yard/picture", "photohub/yard/picture/ack"
    yard.save()
    answer = client.post(NEW, typed(camera="hall", panels=["yard"]))
    way = "These rules would send pictures in a circle: Hall → Yard → Hall."
    assert answer.status_code == 422 and answer.context["form"].errors == {"panels": [way]}
    assert way in answer.content.decode() and ShowRule.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "playlist"}, "name"),
        ({"camera": "nope"}, "camera"),
        ({"panels": []}, "panels"),
        ({"caption": "{device}"}, "caption"),
        ({"render": "nope"}, "render"),
        ({"only_fresh_s": "-1"}, "only_fresh_s"),
        ({"min_interval_s": "9999999"}, "min_interval_s"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(alice, client, yard, hall, changes, field):
    answer = client.post(NEW, typed(**changes))
    assert answer.status_code == 422 and list(answer.context["form"].errors) == [field]
    assert 'class="field__error"' in answer.content.decode() and not ShowRule.objects.exists()


def test_a_name_is_given_once(alice, client, yard, hall):
    make_rule(yard, hall)
    assert list(client.post(NEW, typed()).context["form"].errors) == ["name"]


def test_the_rules_page_shows_its_runs_with_their_deliveries(alice, client, yard, hall):
    rule = make_rule(yard, hall)
    capture = make_capture(yard)
    runs.run_rule(rule)
    page = page_of(client, reverse("rule", args=[rule.pk]))
    assert "sent to its panels" in page and reverse("capture_thumb", args=[capture.pk]) in page
    assert reverse("devices:deliveries") + "?device=hall" in page and "being prepared" in page


def test_a_failed_run_says_why_in_the_readers_language(alice, client, yard, hall):
    rule = make_rule(yard, hall)
    store.full_path(make_capture(yard).path).unlink()
    runs.run_rule(rule)
    url = reverse("rule", args=[rule.pk])
    assert "The picture&#x27;s file is missing." in page_of(client, url)
    chinese = client.get(url, headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "照片的文件不见了。" in chinese and "file is missing" not in chinese


def test_a_rule_that_did_nothing_yet_says_so(alice, client, yard, hall):
    page = page_of(client, reverse("rule", args=[make_rule(yard, hall).pk]))
    assert "Its camera has sent no picture since the rule was created." in page


def test_older_runs_are_on_the_next_page(alice, client, yard, hall):
    rule = make_rule(yard, hall, only_asked=True)
    for n in range(31):
        make_capture(yard, name=f"n{n}")
    runs.run_rule(rule)
    first = client.get(reverse("rule", args=[rule.pk]))
    older = client.get(reverse("rule", args=[rule.pk]), {"cursor": first.context["next"]})
    assert (len(first.context["runs"]), len(older.context["runs"])) == (30, 1)
    assert client.get(reverse("rule", args=[rule.pk]), {"cursor": "nope"}).status_code == 404


def test_a_rule_is_deleted_after_a_question(alice, client, yard, hall):
    rule = make_rule(yard, hall)
    assert 'data-confirm="Delete the rule Door? Pictures it sent remain."' in page_of(
        client, reverse("rule", args=[rule.pk])
    )
    assert client.post(reverse("rule_delete", args=[rule.pk]))["Location"] == LIST
    assert not ShowRule.objects.exists()


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_others_see_rules_and_change_none(client, yard, hall, role):
    rule = make_rule(yard, hall)
    client.force_login(make_user("bob", role))
    page = page_of(client, LIST) + page_of(client, reverse("rule", args=[rule.pk]))
    edit, delete = (reverse(name, args=[rule.pk]) for name in ("rule_edit", "rule_delete"))
    assert "Door" in page and not any(url in page for url in (edit, delete, NEW))
    assert [client.get(NEW).status_code, client.post(NEW, typed()).status_code] == [403, 403]
    assert [client.post(url, typed()).status_code for url in (edit, delete)] == [403, 403]
    assert ShowRule.objects.get().caption == ""


def test_a_stranger_sees_no_rule(client, yard, hall):
    rule = make_rule(yard, hall)
    client.force_login(make_user("mallory"))
    assert "Door" not in page_of(client, LIST)
    assert client.get(reverse("rule", args=[rule.pk])).status_code == 404
    assert client.get(f"{LIST}?panel=hall").status_code == 404


def test_a_panel_of_another_group_is_counted_and_not_named(client, yard, hall):
    garden = DeviceGroup.objects.create(name="Garden")
    yard.groups.add(garden)
    rule = make_rule(yard, hall)
    make_capture(yard)
    runs.run_rule(rule)
    client.force_login(make_user("vera", "viewer", garden))
    page = page_of(client, LIST) + page_of(client, reverse("rule", args=[rule.pk]))
    assert "and 1 panel you do not have access to" in page and "Hall" not in page


def test_a_visitor_is_sent_to_log_in(db, client):
    assert client.get(LIST).headers["Location"].startswith(reverse("login"))
