"""Events that an older hub wrote with proofs in them lose these at the upgrade."""

from importlib import import_module

import pytest
from django.apps import apps

from devices.events import record as events
from devices.events.models import Event, EventType
from devices.registry.models import Panel
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def test_old_events_forget_keys_and_addresses():
    device = make_device("panel", profile="panel")
    Panel.objects.filter(device=device).update(hardware_address="AA:BB:CC:DD:EE:FF")
    prefix = device.keys.get().prefix
    for sentence in (
        f"The key {prefix}… was made.",
        "The panel with the address AA:BB:CC:DD:EE:FF was given its key.",
        "Added.",
    ):
        events.record(EventType.DEVICE_CHANGED, device=device, sentence=sentence)
    import_module("devices.migrations.0007_events_without_proofs")._forget(apps, None)
    told = list(Event.objects.filter(device=device).order_by("seq").values_list("sentence", flat=True))
    assert told == ["The key … was made.", "The panel with the address  was given its key.", "Added."]
