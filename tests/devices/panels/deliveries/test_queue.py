import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.events.models import Event
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, DeliveryState, DeliveryWay, PictureOrigin
from devices.panels.deliveries.queue import CannotDeliver, Wish
from devices.panels.rendering import profiles as render_profiles
from devices.registry.models import Panel
from tests.deliveries import make_panel, ready, sending, wish

pytestmark = pytest.mark.django_db


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


def test_a_delivered_picture_is_what_the_panel_shows():
    delivery = sending(make_panel())
    assert deliveries.note_delivered(delivery, resent=2)
    now, panel = Delivery.objects.get(pk=delivery.pk), Panel.objects.get(device=delivery.device)
    assert (now.state, now.packets_acked, now.packets_resent) == ("delivered", 4, 2)
    assert panel.shown_sha256 == now.sha256 and panel.shown_label == "a.jpg"


def test_of_many_that_were_acknowledged_each_ends_once_and_the_later_is_shown():
    hall = make_panel()
    first = sending(hall)
    gone = sending(make_panel("door"))
    deliveries.cancel(gone)
    assert deliveries.note_all_delivered([(first, 1), (gone, 0)]) == [first]
    second = ready(hall, "b")
    assert deliveries.note_all_delivered([(first, 1), (second, 2)]) == [second]
    assert Panel.objects.get(device=hall).shown_label == "b.jpg"
    states = dict(Delivery.objects.values_list("origin_ref", "packets_resent").filter(device=hall))
    assert states == {"a.jpg": 1, "b.jpg": 2}


def test_the_ends_of_many_cost_as_many_statements_as_those_of_two():
    def ends(names):
        found = [(sending(make_panel(name)), len(name)) for name in names]
        with CaptureQueriesContext(connection) as seen:
            assert len(deliveries.note_all_delivered(found)) == len(names)
        return len(seen)

    assert ends(["a1", "b1"]) == ends([f"c{n}" for n in range(9)])


def test_a_failure_is_told_with_its_reason():
    delivery = sending(make_panel())
    deliveries.fail(delivery, "no_ack_data", "Nothing came.", packets_acked=2)
    event = Event.objects.filter(type="delivery.changed").order_by("seq").last()
    assert event.problem and "Nothing came." in event.sentence


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
