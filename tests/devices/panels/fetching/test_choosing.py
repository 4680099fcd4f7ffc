from datetime import timedelta

import pytest
from django.utils import timezone

from devices.panels.deliveries import preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.panels.fetching import choosing
from devices.panels.playlists import turns as playlists
from devices.panels.sources import outbox
from devices.registry.models import Panel
from tests.builders import make_device, make_jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture
def hall():
    return make_device("hall", profile="panel", picture_topic="", picture_ack_topic="")


def send(device, text: str = "a", prepared: bool = True) -> Delivery:
    delivery = deliveries.deliver(
        device, Wish(PictureOrigin.UPLOAD, text, make_jpeg(text=text), render="none")
    )
    assert not prepared or preparing.prepare_one(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def poll(device, *seen: str):
    return choosing.poll(choosing.panel_of(device), frozenset(seen))


def plain_poll(device, after_s: float = 0):
    """Poll as a client that knows no If-None-Match, this long after the picture before."""
    Panel.objects.exclude(handed_at=None).update(handed_at=timezone.now() - timedelta(seconds=after_s))
    Delivery.objects.exclude(started_at=None).update(started_at=Panel.objects.get(device=device).handed_at)
    return choosing.poll(choosing.panel_of(device), None)


def state(delivery: Delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def test_a_picture_that_was_sent_is_handed_out_and_is_not_delivered_by_that(hall):
    delivery = send(hall)
    shown = poll(hall)
    assert (shown.sha256, shown.unchanged, shown.wait_s) == (delivery.sha256, False, 900)
    assert state(delivery) == "queued" and delivery.started_at is not None


def test_it_is_delivered_when_the_panel_names_it(hall):
    delivery = send(hall)
    poll(hall)
    shown = poll(hall, delivery.sha256)
    assert shown.unchanged and state(delivery) == "delivered"
    assert Panel.objects.get().shown_sha256 == delivery.sha256 and Panel.objects.get().shown_label == "a"


def test_a_panel_that_names_another_is_handed_it_again(hall):
    delivery = send(hall)
    poll(hall)
    assert poll(hall, "0" * 64).sha256 == delivery.sha256 and state(delivery) == "queued"


def test_a_client_without_the_header_proves_it_by_coming_when_it_was_told(hall):
    delivery = send(hall)
    poll(hall)
    assert plain_poll(hall, after_s=2).sha256 == delivery.sha256 and state(delivery) == "queued"
    plain_poll(hall, after_s=890)
    assert state(delivery) == "delivered"


def test_a_panel_is_sent_what_it_shows_already(hall):
    delivery = send(hall)
    assert poll(hall, delivery.sha256).unchanged and state(delivery) == "delivered"


def test_a_panel_that_never_proves_it_ends_the_delivery(hall, monkeypatch):
    monkeypatch.setattr(choosing, "HANDED_AT_MOST", 2)
    delivery = send(hall)
    for _ in range(3):
        poll(hall, "0" * 64)
    assert state(delivery) == "failed" and delivery.reason_word == "not_confirmed"


def test_only_the_newest_waits_for_a_sleepy_panel(hall):
    older, newer = send(hall, "a"), send(hall, "b")
    assert poll(hall).sha256 == newer.sha256 and state(older) == "cancelled"


def test_a_picture_that_is_still_made_brings_the_panel_back_soon(hall):
    send(hall, prepared=False)
    shown = poll(hall)
    assert shown.wait_s == choosing.SOON_S and shown.delivery is None


def test_a_panel_that_lost_its_picture_is_given_it_again(hall):
    delivery = send(hall)
    poll(hall), poll(hall, delivery.sha256)
    shown = choosing.poll(choosing.panel_of(hall), None)
    assert shown.sha256 == delivery.sha256 and not shown.unchanged and shown.content_type == "image/jpeg"


def test_without_any_picture_there_is_a_card_and_the_same_again(hall):
    card = poll(hall)
    assert outbox.read(card.sha256) and poll(hall, card.sha256).unchanged


def test_each_proved_picture_gives_the_turn_to_the_next(hall):
    for text in ("a", "b"):
        playlists.add_picture(hall, make_jpeg(text=text), f"{text}.jpg")
    first = poll(hall)
    second = poll(hall, first.sha256)
    assert poll(hall, second.sha256).sha256 == first.sha256 != second.sha256
    assert Panel.objects.get().shown_label == "b.jpg"


def test_a_turn_whose_picture_did_not_arrive_is_taken_again(hall):
    for text in ("a", "b"):
        playlists.add_picture(hall, make_jpeg(text=text), text)
    first = poll(hall)
    assert plain_poll(hall, after_s=1).sha256 == first.sha256
    assert plain_poll(hall, after_s=800).sha256 != first.sha256


def test_what_is_sent_comes_before_the_playlist(hall):
    playlists.add_picture(hall, make_jpeg(text="list"), "list")
    delivery = send(hall)
    assert poll(hall).sha256 == delivery.sha256
    assert poll(hall, delivery.sha256).sha256 != delivery.sha256


def test_looking_does_not_hand_anything_out(hall):
    delivery = send(hall)
    assert choosing.choose(choosing.panel_of(hall), frozenset()).sha256 == delivery.sha256
    assert state(delivery) == "queued" and delivery.started_at is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"BM..", "image/bmp"),
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"", "application/octet-stream"),
    ],
)
def test_bytes_tell_their_type(data, kind):
    assert choosing.kind_of(data)[0] == kind


def test_what_a_panel_shows_stays_while_the_machine_that_has_it_does_not_answer(hall, monkeypatch):
    delivery = send(hall)
    poll(hall)
    poll(hall, delivery.sha256)

    def away(sha256):
        raise outbox.BlobAway(sha256)

    monkeypatch.setattr(outbox, "read", away)
    assert poll(hall, delivery.sha256).unchanged
    lost_it = poll(hall)
    assert lost_it.sha256 == delivery.sha256 and not lost_it.unchanged
