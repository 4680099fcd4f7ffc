import pytest
from django.test import Client
from django.urls import reverse

from media_pipeline.alerts import queue
from media_pipeline.alerts.models import AlertMessage, AlertRule
from photohub.lib.pages.sentences import said
from tests.builders import make_capture, make_device, make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def client(owner):
    client = Client()
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    return client


def filled(**values) -> dict:
    return {"threshold": 30, "enabled": "on", "device": "", "group": ""} | values


def test_the_first_visit_leads_to_a_channel(client):
    page = client.get(reverse("alerts")).content.decode()
    assert reverse("alert_channel_new") in page and reverse("alert_rule_new") not in page


def test_a_rule_is_made_by_its_form_in_minutes(client, owner):
    channel, device = make_webhook(owner, "https://example.org/a"), make_device("porch", name="Porch")
    values = filled(device="porch", channels=[channel.pk], quiet_from_time="22:00", quiet_until_time="07:00")
    answer = client.post(reverse("alert_rule_new") + "?kind=silent", values)
    assert answer.status_code == 302
    rule = AlertRule.objects.get()
    assert (rule.threshold, rule.device, rule.quiet_from, rule.quiet_until) == (1800, device, 1320, 420)
    page = client.get(reverse("alerts")).content.decode()
    assert "Porch · 30 minutes · quiet from 22:00 to 07:00" in page


def test_what_is_wrong_stands_at_its_field(client, owner):
    channel = make_webhook(owner, "https://example.org/a")
    values = filled(channels=[channel.pk], quiet_from_time="22:00")
    answer = client.post(reverse("alert_rule_new") + "?kind=silent", values)
    assert answer.status_code == 422
    assert "Enter both times, or none." in answer.content.decode()


def test_a_rule_is_changed_and_deleted(client, owner):
    rule = make_rule(owner, make_webhook(owner, "https://example.org/a"))
    values = filled(threshold=45, channels=[c.pk for c in rule.channels.all()])
    assert client.post(reverse("alert_rule", args=[rule.pk]), values).status_code == 302
    rule.refresh_from_db()
    assert rule.threshold == 2700
    client.post(reverse("alert_rule_delete", args=[rule.pk]))
    assert not AlertRule.objects.exists()


def test_a_rule_for_the_hub_is_of_owners_alone(owner):
    viewer = Client()
    viewer.force_login(make_user("vera", "viewer"), "django.contrib.auth.backends.ModelBackend")
    rule = make_rule(owner, make_webhook(owner, "https://example.org/a", for_hub=True))
    assert viewer.get(reverse("alert_rule_new") + "?hub=yes").status_code == 403
    assert viewer.get(reverse("alert_rule", args=[rule.pk])).status_code == 404


def test_what_was_told_is_shown_with_its_picture_until_that_is_deleted(client, owner):
    device = make_device("porch")
    capture = make_capture(device)
    rule = make_rule(owner, make_webhook(owner, "https://example.org/a"))
    queue.begin(
        rule, "a", said("%(host)s did not answer in time.", host="Porch"), device=device, capture=capture
    )
    AlertMessage.objects.update(state="failed", error="It was not taken.")
    thumb = reverse("capture_thumb", args=[capture.pk])
    page = client.get(reverse("alerts")).content.decode()
    assert "Porch did not answer in time." in page and "It was not taken." in page and thumb in page
    capture.delete()
    assert thumb not in client.get(reverse("alerts")).content.decode()


def test_who_lost_sight_of_a_device_reads_no_more_of_it(owner):
    vera = make_user("vera", "viewer")
    viewer = Client()
    viewer.force_login(vera, "django.contrib.auth.backends.ModelBackend")
    device = make_device("porch", name="Porch")
    rule = make_rule(vera, make_webhook(vera, "https://example.org/a"), device=device)
    queue.begin(rule, "a", said("%(host)s did not answer in time.", host="Porch"), device=device)
    assert "Porch" in viewer.get(reverse("alerts")).content.decode()
    vera.memberships.all().delete()
    assert "Porch" not in viewer.get(reverse("alerts")).content.decode()
