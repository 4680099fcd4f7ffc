"""Messages of devices over MQTT, in figures."""

from photohub.lib.messaging import measures

HANDLED = measures.Count(
    "photohub_mqtt_messages_total",
    "Messages of devices over MQTT that came to their end, by how.",
    "outcome",
    ("handled", "refused", "failed", "dropped"),
)
HELD = measures.Present(
    "photohub_mqtt_unacknowledged_messages",
    "Messages of devices over MQTT that are here and not yet acknowledged.",
)
