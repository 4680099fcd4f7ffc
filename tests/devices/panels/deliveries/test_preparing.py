import io

import pytest
from django.utils import timezone
from PIL import Image

from devices.events.models import Trouble
from devices.panels.deliveries import preparing
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.panels.rendering import profiles as render_profiles
from devices.panels.sources import fetching, outbox
from devices.registry.models import Panel
from tests.builders import make_device, make_jpeg

pytestmark = pytest.mark.django_db


def ask(picture: bytes | None = None, *, code: str = "hall", **values) -> Delivery:
    hall = make_device(code, profile="panel")
    origin = PictureOrigin.URL if picture is None else PictureOrigin.UPLOAD
    return deliveries.deliver(hall, Wish(origin, values.pop("label", "a.jpg"), picture=picture, **values))


def after(delivery: Delivery) -> Delivery:
    preparing.prepare_all([str(delivery.pk)])
    return Delivery.objects.get(pk=delivery.pk)


def test_the_bytes_go_as_they_are_when_nothing_else_is_asked():
    now = after(ask(make_jpeg(), render="none"))
    assert outbox.read(now.sha256) == make_jpeg() and now.content_type == "image/jpeg"
    assert now.prepared_at and now.packets_total == -(-len(make_jpeg()) // 1400)


def test_a_picture_is_rendered_as_the_profile_says():
    render_profiles.offer_ready_made()
    now = after(ask(make_jpeg(640, 480), render="jpeg-320x240"))
    assert Image.open(io.BytesIO(outbox.read(now.sha256))).size == (320, 240) == (now.width, now.height)
    assert now.file_name == "image.jpg"


def test_what_is_no_picture_ends_with_the_reason():
    render_profiles.offer_ready_made()
    now = after(ask(b"no picture at all", render="jpeg-320x240"))
    assert (now.state, now.reason_word) == ("failed", "not_image") and now.reason


def test_an_address_is_fetched_once_and_what_came_is_kept(monkeypatch):
    monkeypatch.setattr(fetching, "fetch_picture", lambda url: make_jpeg(text=url))
    delivery = ask(label="https://example.org/a.jpg", render="none")
    now = after(delivery)
    assert outbox.read(now.original_sha256) == make_jpeg(text="https://example.org/a.jpg")
    assert now.prepared_at


def test_an_address_that_cannot_be_fetched_ends_with_the_reason(monkeypatch):
    def refuse(url):
        raise fetching.CannotFetch("fetch_failed", "The server answered 404.")

    monkeypatch.setattr(fetching, "fetch_picture", refuse)
    now = after(ask(label="https://example.org/a.jpg"))
    assert (now.state, now.reason_word, now.reason) == ("failed", "fetch_failed", "The server answered 404.")


def test_a_picture_is_made_once_however_often_it_is_rung_for():
    delivery = ask(make_jpeg(), render="none")
    assert preparing.prepare_all([delivery.pk, delivery.pk]) == 1
    assert preparing.due() == []


def test_a_disk_that_refuses_is_tried_again_later(monkeypatch):
    delivery = ask(make_jpeg(), render="none")

    def refuse(data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outbox, "keep", refuse)
    now = after(delivery)
    assert now.state == "queued" and now.prepared_at is None and preparing.due() == []
    assert now.reason_word == "disk" and "No space left" in now.reason and now.reason_said
    assert Trouble.objects.get().word == "delivery_disk"
    Delivery.objects.update(next_try_at=delivery.created_at)
    assert preparing.due() == [delivery.pk]


def test_a_picture_that_kills_its_worker_is_given_up():
    delivery = ask(make_jpeg())
    Delivery.objects.update(attempts=3)
    assert after(delivery).reason_word == "not_made"


def test_a_cancelled_picture_is_not_made():
    delivery = ask(make_jpeg())
    deliveries.cancel(delivery)
    assert not preparing.prepare_one(delivery.pk)


def test_a_picture_that_needs_too_many_packets_is_refused_before_the_start(monkeypatch):
    def refuse(size_bytes):
        raise preparing.PictureRefused("too many")

    monkeypatch.setattr(preparing, "count_packets", refuse)
    assert after(ask(make_jpeg(), render="none")).reason_word == "too_large"


def test_a_panel_that_fetches_counts_no_packets():
    hall = make_device("hall", profile="panel", picture_topic="", picture_ack_topic="")
    Panel.objects.get_or_create(device=hall)
    delivery = deliveries.deliver(hall, Wish(PictureOrigin.UPLOAD, "a", picture=make_jpeg(), render="none"))
    now = after(delivery)
    assert now.prepared_at and now.packets_total == 0


def test_a_picture_on_a_machine_that_does_not_answer_is_waited_for(monkeypatch):
    delivery, read = ask(make_jpeg(), render="none"), outbox.read

    def away(sha256):
        raise outbox.BlobAway(sha256)

    monkeypatch.setattr(outbox, "read", away)
    for _try in range(5):
        now = after(delivery)
        assert (now.state, now.reason_word, now.attempts, now.lease) == ("queued", "away", 0, None)
        assert delivery.pk not in preparing.due()
        Delivery.objects.update(next_try_at=timezone.now())
    monkeypatch.setattr(outbox, "read", read)
    now = after(delivery)
    assert now.prepared_at and not now.reason_word
