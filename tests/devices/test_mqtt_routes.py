"""What devices send over MQTT, handed to what handles it."""

import pytest

from devices import mqtt_routes
from devices.events.models import Trouble
from devices.mqtt.addressing import Sender
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("payload", [b"", b"battery: 3900", b"[3900]", b'{"a":"' + b"x" * 5000 + b'"}'])
def test_telemetry_that_cannot_be_read_is_told_until_some_can(payload):
    sender = Sender(make_device(), "telemetry")
    mqtt_routes.telemetry(sender, payload)
    assert Trouble.objects.open().get().values == {"size": len(payload), "limit": 4096}
    mqtt_routes.telemetry(sender, b'{"battery_mv": 3900,}')
    assert not Trouble.objects.open().exists()
