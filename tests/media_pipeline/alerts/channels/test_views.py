import pytest
from django.test import Client
from django.urls import reverse

from media_pipeline.alerts.channels.models import AlertChannel
from tests.builders import make_user
from tests.media_pipeline.alerts.making import make_webhook
from tests.media_pipeline.alerts.receivers import http_receiver

pytestmark = pytest.mark.django_db
NEW = "/alerts/channels/new"


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def client(owner):
    client = Client()
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    return client


def test_a_service_is_added_by_its_own_fields_and_its_secret_is_kept_encrypted(client):
    values = {"key": "693a-7aoc-secret", "name": "", "language": "zh-hans"}
    assert client.post(f"{NEW}?service=wecom", values).status_code == 302
    channel = AlertChannel.objects.get()
    assert (channel.name, channel.language, channel.address) == (
        "WeCom",
        "zh-hans",
        "wecombot://693a-7aoc-secret",
    )
    assert b"693a" not in bytes(channel.address_encrypted)
    assert "693a-7aoc-secret" not in client.get(reverse("alert_channel", args=[channel.pk])).content.decode()


def test_what_is_wrong_stands_at_its_field(client):
    answer = client.post(f"{NEW}?service=ntfy", {"topic": "a topic", "language": "en"})
    assert answer.status_code == 422
    assert "letters, digits, dashes and underscores" in answer.content.decode()
    assert client.get(f"{NEW}?service=no-such").status_code == 404


def test_a_test_shows_what_the_other_side_answered(client, owner):
    with http_receiver() as receiver:
        channel = make_webhook(owner, receiver.url)
        page = client.post(reverse("alert_channel_test", args=[channel.pk]), follow=True).content.decode()
        assert "127.0.0.1 answered 200: thanks" in page
        receiver.statuses, receiver.text = [401], "who are you?"
        page = client.post(reverse("alert_channel_test", args=[channel.pk]), follow=True).content.decode()
    assert "127.0.0.1 answered 401: who are you?" in page
    assert [call.json["type"] for call in receiver.calls] == ["test", "test"]


def test_a_channel_is_changed_and_deleted(client, owner):
    channel = make_webhook(owner, "https://example.org/a")
    address = reverse("alert_channel", args=[channel.pk])
    client.post(address, {"name": "phone", "language": "zh-hans"})
    channel.refresh_from_db()
    assert (channel.name, channel.language, channel.enabled) == ("phone", "zh-hans", False)
    client.post(reverse("alert_channel_delete", args=[channel.pk]))
    assert not AlertChannel.objects.exists()


def test_an_address_of_another_key_of_the_hub_is_said_to_be_unreadable(client, owner):
    channel = make_webhook(owner, "https://example.org/a")
    AlertChannel.objects.update(address_encrypted=b"gAAAAA-other")
    page = client.post(reverse("alert_channel_test", args=[channel.pk]), follow=True).content.decode()
    assert "another PHOTOHUB_SECRET_KEY" in page
