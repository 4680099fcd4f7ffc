"""Which MQTT messages of devices are handled here: channel → function(sender, payload)."""

from devices.firmware.endpoints import aliyun
from devices.mqtt.addressing import Sender
from devices.protocol import camera_settings
from devices.protocol.aliyun.topics import OtaChannel
from devices.protocol.json_fields import read_object
from photohub.lib.pages.sentences import said

from .camera_settings import queue as settings
from .commands import results
from .events import troubles
from .registry import presence

MAX_TELEMETRY_BYTES = 4096


def status(sender: Sender, payload: bytes) -> None:
    """`online` or `offline`, the latter also as the will."""
    device = sender.device
    word = payload[:64].decode("utf-8", "replace").strip().strip('"').lower()
    if word == "online":
        presence.connected(device)
    elif word == "offline":
        presence.disconnected(device, said("its will, or the device itself, says offline"))
    else:
        presence.heard(device)


def telemetry(sender: Sender, payload: bytes) -> None:
    """A JSON object; the figures that the hub knows are kept, the rest is ignored."""
    figures = read_object(payload, MAX_TELEMETRY_BYTES, trailing_commas=True)
    presence.heard(sender.device, telemetry=figures)
    if figures is None:
        troubles.note(sender.device, "telemetry_unreadable", size=len(payload), limit=MAX_TELEMETRY_BYTES)
    else:
        troubles.over(sender.device, "telemetry_unreadable")


def result(sender: Sender, payload: bytes) -> None:
    """What the device itself says of a picture."""
    results.result(sender.device, payload)


def picture_ack(sender: Sender, payload: bytes) -> None:
    """An acknowledgement that no transfer waits for. Those that one waits for go straight to it (`pushing`)."""
    presence.heard(sender.device)


def settings_reported(sender: Sender, payload: bytes) -> None:
    """What a camera says that its settings are."""
    report = camera_settings.read_report(payload)
    presence.heard(sender.device)
    if report is None:
        limit = camera_settings.MAX_BYTES
        troubles.note(sender.device, "settings_unreadable", size=len(payload), limit=limit)
    else:
        settings.note_report(sender.device, report)
        troubles.over(sender.device, "settings_unreadable")


CHANNELS = {
    "status": status,
    "telemetry": telemetry,
    "result": result,
    "picture/ack": picture_ack,
    "settings/reported": settings_reported,
    OtaChannel.INFORM: aliyun.inform,
    OtaChannel.PROGRESS: aliyun.progress,
    OtaChannel.GET: aliyun.ask,
    OtaChannel.DOWNLOAD: aliyun.send_block,
}
