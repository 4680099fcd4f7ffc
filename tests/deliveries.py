"""Deliveries in the states that tests begin from."""

from devices.panels.deliveries import leases
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.queue import Wish
from devices.registry.models import Device
from tests.builders import make_device, make_jpeg


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
    assert leases.begin_all([delivery])
    return delivery
