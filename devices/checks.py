"""System checks of how devices are reached."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning


def check_broker(app_configs, **kwargs) -> list[CheckMessage]:
    """The message broker's settings must fit the form that runs."""
    found: list[CheckMessage] = []
    if settings.PHOTOHUB_ENV == "production" and not settings.MQTT_URL:
        hint = "Set it to mqtt://hub:password@host:1883."
        message = "PHOTOHUB_MQTT_URL is empty, but the production form needs an outside broker."
        found.append(Error(message, hint=hint, id="devices.E001"))
    if settings.MQTT_DYNSEC and not settings.MQTT_URL:
        hint = "Set PHOTOHUB_MQTT_URL to the Mosquitto broker, or unset PHOTOHUB_MQTT_DYNSEC."
        message = "PHOTOHUB_MQTT_DYNSEC is on, but there is no outside broker."
        found.append(Error(message, hint=hint, id="devices.E002"))
    if settings.MQTT_URL and not urlsplit(settings.MQTT_URL).username:
        hint = "Write mqtt://user:password@host:1883, and let the broker refuse strangers."
        message = "PHOTOHUB_MQTT_URL has no user name: whoever reaches the broker could command every camera."
        found.append(Warning(message, hint=hint, id="devices.W001"))
    return found
