import pytest
from django.urls import reverse

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries import views as pages
from devices.panels.deliveries.models import Delivery
from devices.panels.deliveries.queue import Wish
from tests.builders import make_device, make_jpeg, make_user

LIST = reverse("devices:deliveries")
JSON = {"accept": "application/json"}


@pytest.fixture
def hall(db, client, settings, tmp_path):
    settings.OUTBOX_DIR = tmp_path / "outbox"
    client.force_login(make_user("bob", "operator"))
    return make_device("hall", profile="panel", name="Hall")


def push(device, text: str = "a") -> Delivery:
    return deliveries.deliver(device, Wish("upload", f"{text}.jpg", picture=make_jpeg(text=text)))


def act(client, delivery: Delivery, what: str, **options):
    return client.post(reverse(f"devices:delivery_{what}", args=[delivery.pk]), **options)


def test_all_devices_are_listed_and_narrowed(hall, client):
    push(hall, "garden"), push(make_device("shop", profile="panel"), "harbour")
    assert "garden.jpg" in (page := client.get(LIST).content.decode()) and "harbour.jpg" in page
    page = client.get(LIST, {"device": "hall", "state": "queued"}).content.decode()
    assert "garden.jpg" in page and "harbour.jpg" not in page
    assert "No matches" in client.get(LIST, {"state": "failed"}).content.decode()


def test_older_ones_are_behind_a_cursor(hall, client, monkeypatch):
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    for n in range(3):
        push(hall, f"n{n}")
    first = client.get(LIST)
    second = client.get(LIST, {"cursor": first.context["next"]}).content.decode()

    assert "n2.jpg" in first.content.decode() and "n0.jpg" not in first.content.decode()
    assert "n0.jpg" in second and "n1.jpg" not in second
    assert client.get(LIST, {"cursor": "junk"}).status_code == 404


def test_one_that_waits_is_cancelled(hall, client):
    delivery = push(hall)
    assert act(client, delivery, "cancel")["Location"] == reverse("devices:show", args=["hall"])
    assert "Cancelled by bob." in client.get(LIST).content.decode()
    assert act(client, delivery, "cancel", headers=JSON).status_code == 409


def test_one_that_failed_is_sent_again(hall, client):
    delivery = push(hall)
    deliveries.fail(delivery, "no_ack_begin", "x")
    assert "Try again" in client.get(LIST).content.decode()
    assert act(client, delivery, "again", headers=JSON).status_code == 200
    assert Delivery.objects.filter(state="queued").count() == 1


def test_viewers_and_strangers_change_nothing(hall, client):
    delivery = push(hall)
    for name, role, status in (("vera", "viewer", 403), ("mallory", "", 404)):
        client.force_login(make_user(name, role))
        assert {act(client, delivery, what).status_code for what in ("cancel", "again")} == {status}
    assert client.get(LIST).status_code == 403


def test_a_picture_that_is_not_made_yet_is_not_there(hall, client):
    assert client.get(reverse("devices:delivery_picture", args=[push(hall).pk])).status_code == 404


def test_a_picture_that_is_named_in_another_way_has_no_link(hall, client):
    Delivery.objects.filter(pk=push(hall).pk).update(origin="capture", origin_ref="0" * 32)
    assert "a picture from History" in client.get(LIST).content.decode()
