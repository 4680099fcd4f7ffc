"""Which MQTT messages of devices are handled here: channel → function(device, payload)."""

import json

from . import presence, results
from .models import Device


def status(device: Device, payload: bytes) -> None:
    """`online` or `offline`, the latter also as the will."""
    word = payload[:64].decode("utf-8", "replace").strip().strip('"').lower()
    if word == "online":
        presence.connected(device)
    elif word == "offline":
        presence.disconnected(device, "offline")
    else:
        presence.heard(device)


def telemetry(device: Device, payload: bytes) -> None:
    """A JSON object; the figures that the hub knows are kept, the rest is ignored."""
    try:
        values = json.loads(payload[:4096])
    except ValueError:
        values = None
    presence.heard(device, telemetry=values if isinstance(values, dict) else None)


CHANNELS = {
    "status": status,
    "telemetry": telemetry,
    "result": results.result,
}
