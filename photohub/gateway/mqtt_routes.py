"""Where every MQTT message goes: channel → function(sender, payload). The MQTT counterpart of urls.py."""

from devices import mqtt_routes as devices_routes
from devices.mqtt import addressing
from media_pipeline import mqtt_routes as media_routes
from media_pipeline.mqtt_routes import Handler
from media_pipeline.streams.frame_intake import FrameIntake
from photohub.broker import log as broker_log


def channels_of(intake: FrameIntake) -> dict[str, Handler]:
    """Return the handlers of all channels; frames and files go to this intake."""
    return {**devices_routes.CHANNELS, **media_routes.channels_of(intake)}


def lane_of(topic: str) -> str:
    """Return the lane of a topic's messages: one keeps a device's in order, and one all lines of the broker's log."""
    return broker_log.TOPIC if topic.startswith(broker_log.TOPIC) else addressing.stream_of_messages(topic)
