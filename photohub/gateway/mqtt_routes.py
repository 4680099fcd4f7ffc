"""Where every MQTT message goes: channel → function(sender, payload). The MQTT counterpart of urls.py."""

from devices import mqtt_routes as devices_routes
from media_pipeline import mqtt_routes as media_routes
from media_pipeline.mqtt_routes import Handler
from media_pipeline.streams.frame_intake import FrameIntake


def channels_of(intake: FrameIntake) -> dict[str, Handler]:
    """Return the handlers of all channels; frames and files go to this intake."""
    return {**devices_routes.CHANNELS, **media_routes.channels_of(intake)}
