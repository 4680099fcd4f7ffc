from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.panels.deliveries import leases
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.leases import Note
from devices.panels.deliveries.models import Delivery, DeliveryState
from devices.registry.models import Device, LinkState
from tests.deliveries import make_panel, ready, sending, wish

pytestmark = pytest.mark.django_db


def note_progress(delivery, acked, resent, moved) -> bool:
    """Tell whether the delivery is still ours."""
    return not leases.note_all_progress([Note(delivery, acked, resent, moved)])


def test_only_the_oldest_of_each_reachable_device_is_due():
    hall, door = make_panel("hall"), make_panel("door")
    away = make_panel("away")
    Device.objects.filter(pk=away.pk).update(link_state=LinkState.LOST)
    first, other = ready(hall, "a"), ready(door, "a")
    ready(hall, "b"), ready(away, "a")
    deliveries.deliver(hall, wish("not prepared"))
    assert leases.claim_to_send() == [first, other]


def test_a_device_is_sent_one_picture_at_a_time():
    hall = make_panel()
    first, second = ready(hall, "a"), ready(hall, "b")
    assert leases.begin_all([first]) and not leases.begin_all([second])
    assert leases.claim_to_send() == []


def test_two_gateways_cannot_begin_the_same_picture():
    delivery = ready(make_panel())
    again = Delivery.objects.get(pk=delivery.pk)
    assert leases.begin_all([delivery]) and not leases.begin_all([again])


def test_progress_is_noted_until_somebody_cancels():
    delivery = sending(make_panel())
    assert note_progress(delivery, acked=3, resent=1, moved=True)
    assert deliveries.cancel(delivery) and not deliveries.cancel(delivery)
    assert not note_progress(delivery, acked=4, resent=1, moved=True)
    assert not deliveries.note_delivered(delivery)


def test_what_a_dead_gateway_was_sending_is_queued_again_but_not_for_ever():
    delivery = sending(make_panel())
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert leases.put_back_lost() == 1
    assert Delivery.objects.get().state == DeliveryState.QUEUED
    Delivery.objects.update(attempts=leases.STARTS_AT_MOST - 1)
    assert leases.begin_all([delivery])
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    leases.put_back_lost()
    assert Delivery.objects.get().reason_word == "broken_off"


def test_what_the_connection_before_was_sending_is_begun_anew_without_waiting_for_its_lease_but_not_for_ever():
    delivery = sending(make_panel())
    assert leases.put_back_lost() == 0 and leases.put_back_former() == 1
    assert Delivery.objects.get().state == DeliveryState.QUEUED
    Delivery.objects.update(attempts=leases.STARTS_AT_MOST - 1)
    assert leases.begin_all([delivery]) and leases.put_back_former() == 1
    assert Delivery.objects.get().reason_word == "broken_off"


def test_of_many_notes_those_are_told_that_are_ours_no_more():
    ours, cancelled, other = (sending(make_panel(code)) for code in ("hall", "door", "barn"))
    deliveries.cancel(cancelled)
    Delivery.objects.filter(pk=other.pk).update(lease=ours.pk)
    notes = [Note(ours, 3, 1, True), Note(cancelled, 2, 0, True), Note(other, 2, 0, False)]
    assert leases.note_all_progress(notes) == [cancelled, other]
    figures = Delivery.objects.values_list("packets_acked", "packets_resent")
    assert figures.get(pk=ours.pk) == (3, 1) and figures.get(pk=other.pk) == (0, 0)


def test_a_transfer_that_stands_still_keeps_its_lease_and_the_time_of_its_last_step():
    delivery = sending(make_panel())
    before = Delivery.objects.get()
    note_progress(delivery, acked=0, resent=2, moved=False)
    now = Delivery.objects.get()
    assert now.progressed_at == before.progressed_at and now.lease_until > before.lease_until


def test_notes_of_many_cost_as_many_statements_as_those_of_two():
    def notes(names):
        found = [Note(sending(make_panel(name)), len(name), 0, True) for name in names]
        with CaptureQueriesContext(connection) as seen:
            assert leases.note_all_progress(found) == []
        return len(seen)

    assert notes(["a1", "b1"]) == notes([f"c{n}" for n in range(9)])


def test_panels_that_do_not_listen_and_one_with_many_pictures_keep_nobody_waiting():
    deaf = ready(make_panel("deaf"))
    values = {field.attname: getattr(deaf, field.attname) for field in Delivery._meta.concrete_fields}
    Delivery.objects.bulk_create(Delivery(**{**values, "id": uuid4()}) for _ in range(2001))
    hall, door = ready(make_panel("hall")), ready(make_panel("door"))
    assert leases.claim_to_send(hears=lambda code, topic: code != "deaf") == [hall, door]
    found = leases.claim_to_send(2, running={hall.device_id})
    assert [delivery.device.code for delivery in found] == ["deaf", "door"]


def test_what_a_gateway_that_died_was_sending_is_begun_anew_and_what_others_send_goes_on():
    lives, died = "0123456789abcdef", "fedcba9876543210"
    going, broken = ready(make_panel("hall")), ready(make_panel("door"))
    [first], [second] = leases.begin_all([going], lives), leases.begin_all([broken], died)
    assert (first.lease.hex[:16], second.lease.hex[:16]) == (lives, died)
    assert leases.put_back_former([lives, "0" * 16]) == 1
    states = {d.pk: d.state for d in Delivery.objects.all()}
    assert states == {going.pk: DeliveryState.SENDING, broken.pk: DeliveryState.QUEUED}
    assert leases.put_back_former() == 1
