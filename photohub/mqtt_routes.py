"""Where every MQTT message goes: channel → function(device, payload). The MQTT counterpart of urls.py."""

from devices import mqtt_routes as devices_routes
from media_pipeline import mqtt_routes as media_routes

CHANNELS = {**devices_routes.CHANNELS, **media_routes.CHANNELS}
media_routes.listen()
