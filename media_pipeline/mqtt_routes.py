"""Which MQTT messages of devices are handled here, beside those of `devices`."""

from devices import results

from . import publish

CHANNELS: dict = {}


def listen() -> None:
    """Hear the results that devices publish themselves."""
    results.on_result(publish.hear_result)
