from datetime import timedelta

import pytest
from django.utils import timezone

from devices import deliveries, render_profiles
from devices.deliveries import CannotDeliver, Wish
from devices.models import (
    Delivery,
    DeliveryState,
    DeliveryWay,
    Device,
    Event,
    LinkState,
    Panel,
    PictureOrigin,
)
from tests.builders import make_device, make_jpeg

pytestmark = pytest.mark.django_db


def make_panel(code: str = "hall", **values) -> Device:
    return make_device(code, profile="panel", **values)


def wish(text: str = "a", **values) -> Wish:
    return Wish(PictureOrigin.UPLOAD, f"{text}.jpg", picture=make_jpeg(text=text), **values)


def ready(device: Device, text: str = "a", **values) -> Delivery:
    """Return a delivery whose bytes are made, as far as the rows say."""
    delivery = deliveries.deliver(device, wish(text, **values))
    assert deliveries.note_prepared(delivery, {"sha256": "0" * 64, "packets_total": 4})
    delivery.refresh_from_db()
    return delivery


def sending(device: Device) -> Delivery:
    delivery = ready(device)
    assert deliveries.begin(delivery)
    return delivery


def test_a_picture_is_queued_with_what_was_asked_for():
    render_profiles.offer_ready_made()
    delivery = deliveries.deliver(make_panel(), wish(render="jpeg-320x240", caption="Garden"))
    assert delivery.state == DeliveryState.QUEUED and delivery.way == DeliveryWay.PACKETS
    assert delivery.render["width"] == 320 and delivery.caption == "Garden"
    assert Event.objects.filter(type="delivery.changed", subject=delivery.pk).count() == 1


def test_the_panels_own_profile_is_taken_when_none_is_named():
    render_profiles.offer_ready_made()
    hall = make_panel()
    profile = render_profiles.RenderProfile.objects.get(name="oled-128x64-bw")
    Panel.objects.update_or_create(device=hall, defaults={"render_profile": profile})
    assert deliveries.deliver(hall, wish()).render_name == "oled-128x64-bw"
    assert deliveries.deliver(hall, wish("b", render="none")).render == {}


@pytest.mark.parametrize(
    ("values", "word"), [({"enabled": False}, "disabled"), ({"picture_topic": ""}, "cannot_deliver")]
)
def test_a_device_that_takes_no_pictures_says_why(values, word):
    hall = make_panel()
    Panel.objects.filter(device=hall).delete()
    for name, value in values.items():
        setattr(hall, name, value)
    with pytest.raises(CannotDeliver) as refused:
        deliveries.deliver(hall, wish())
    assert refused.value.word == word and not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("asked", "word"),
    [(Wish(PictureOrigin.UPLOAD, "a", picture=b""), "empty_body"), (wish(render="nope"), "unknown_render")],
)
def test_a_wish_that_cannot_be_met_is_refused(asked, word):
    with pytest.raises(CannotDeliver) as refused:
        deliveries.deliver(make_panel(), asked)
    assert refused.value.word == word


def test_a_rules_newer_picture_takes_the_place_of_one_that_still_waits():
    hall = make_panel()
    older, by_hand = ready(hall, "a", cause="door"), ready(hall, "b")
    newer = deliveries.deliver(hall, wish("c", cause="door"))
    states = {d.pk: d.state for d in Delivery.objects.all()}
    assert states == {older.pk: "cancelled", by_hand.pk: "queued", newer.pk: "queued"}


def test_the_queue_of_a_device_has_an_end(monkeypatch):
    monkeypatch.setattr(deliveries, "OPEN_AT_MOST", 2)
    hall = make_panel()
    ready(hall, "a"), ready(hall, "b")
    with pytest.raises(CannotDeliver) as refused:
        deliveries.deliver(hall, wish("c"))
    assert refused.value.word == "busy"


def test_only_the_oldest_of_each_reachable_device_is_due():
    hall, door = make_panel("hall"), make_panel("door")
    away = make_panel("away")
    Device.objects.filter(pk=away.pk).update(link_state=LinkState.LOST)
    first, other = ready(hall, "a"), ready(door, "a")
    ready(hall, "b"), ready(away, "a")
    deliveries.deliver(hall, wish("not prepared"))
    assert deliveries.claim_to_send() == [first, other]


def test_a_device_is_sent_one_picture_at_a_time():
    hall = make_panel()
    first, second = ready(hall, "a"), ready(hall, "b")
    assert deliveries.begin(first) and not deliveries.begin(second)
    assert deliveries.claim_to_send() == []


def test_two_gateways_cannot_begin_the_same_picture():
    delivery = ready(make_panel())
    again = Delivery.objects.get(pk=delivery.pk)
    assert deliveries.begin(delivery) and not deliveries.begin(again)


def test_progress_is_noted_until_somebody_cancels():
    delivery = sending(make_panel())
    assert deliveries.note_progress(delivery, acked=3, resent=1, moved=True)
    assert deliveries.cancel(delivery) and not deliveries.cancel(delivery)
    assert not deliveries.note_progress(delivery, acked=4, resent=1, moved=True)
    assert not deliveries.note_delivered(delivery)


def test_a_delivered_picture_is_what_the_panel_shows():
    delivery = sending(make_panel())
    assert deliveries.note_delivered(delivery, resent=2)
    now, panel = Delivery.objects.get(pk=delivery.pk), Panel.objects.get(device=delivery.device)
    assert (now.state, now.packets_acked, now.packets_resent) == ("delivered", 4, 2)
    assert panel.shown_sha256 == now.sha256 and panel.shown_label == "a.jpg"


def test_a_failure_is_told_with_its_reason():
    delivery = sending(make_panel())
    deliveries.fail(delivery, "no_ack_data", "Nothing came.", packets_acked=2)
    event = Event.objects.filter(type="delivery.changed").order_by("seq").last()
    assert event.problem and "Nothing came." in event.sentence


def test_what_a_dead_gateway_was_sending_is_queued_again_but_not_for_ever():
    delivery = sending(make_panel())
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert deliveries.put_back_lost() == 1
    assert Delivery.objects.get().state == DeliveryState.QUEUED
    Delivery.objects.update(attempts=deliveries.STARTS_AT_MOST - 1)
    assert deliveries.begin(delivery)
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    deliveries.put_back_lost()
    assert Delivery.objects.get().reason_word == "broken_off"


def test_a_device_that_stays_away_ends_its_pictures():
    delivery = ready(make_panel())
    Delivery.objects.update(expires_at=timezone.now())
    assert deliveries.expire_due() == 1
    assert deliveries.find(delivery.pk).reason_word == "device_away"


def test_the_same_picture_can_be_sent_again():
    delivery = sending(make_panel())
    deliveries.fail(delivery, "no_ack_data", "Nothing came.")
    again = deliveries.again(delivery)
    assert again.pk != delivery.pk and again.original_sha256 == delivery.original_sha256
    assert (again.state, again.origin_ref) == ("queued", "a.jpg")
