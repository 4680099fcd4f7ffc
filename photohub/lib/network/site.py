"""The hub's own outside addresses, from which every link to it and every device's settings are built."""

from urllib.parse import urlsplit

from django.conf import settings

# Listening on these means on all addresses of the machine.
EVERYWHERE = ("0.0.0.0", "::", "*", "")
_http_port: int | None = None
_mqtt_port: int | None = None
_stream_port: int | None = None


def use_port(port: int) -> None:
    """Name the HTTP port that was really taken, when the default one was busy."""
    global _http_port
    _http_port = port


def use_mqtt_port(port: int) -> None:
    """Name the MQTT port that was really taken."""
    global _mqtt_port
    _mqtt_port = port


def use_stream_port(port: int) -> None:
    """Name the port for camera streams that was really taken."""
    global _stream_port
    _stream_port = port


def http_port() -> int:
    return _http_port or settings.HTTP_PORT


def base_url() -> str:
    """Return the outside address without a slash at its end: PHOTOHUB_URL, else the best local address."""
    if settings.PHOTOHUB_URL:
        return settings.PHOTOHUB_URL
    host, port = reachable_at(settings.HTTP_HOST), http_port()
    return "http://" + (host_and_port(host, port) if port != 80 else f"[{host}]" if ":" in host else host)


def reachable_at(listening: str) -> str:
    """Return the address by which others reach what listens on this one: itself, or this machine's best where it is all."""
    return settings.BEST_ADDRESS if listening in EVERYWHERE else listening


def host_and_port(host: str, port: int) -> str:
    """Return both as they stand in addresses: an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def mqtt_host() -> str:
    """Return the broker's host name as devices should use it."""
    if settings.MQTT_PUBLIC_HOST:
        return settings.MQTT_PUBLIC_HOST
    if settings.PHOTOHUB_URL:
        return urlsplit(settings.PHOTOHUB_URL).hostname or settings.BEST_ADDRESS
    if settings.MQTT_URL:
        return urlsplit(settings.MQTT_URL).hostname or settings.BEST_ADDRESS
    return reachable_at(settings.MQTT_HOST)


def mqtt_port() -> int:
    """Return the broker's port as devices should use it."""
    if settings.MQTT_PUBLIC_PORT:
        return settings.MQTT_PUBLIC_PORT
    if settings.MQTT_URL:
        return urlsplit(settings.MQTT_URL).port or 1883
    return _mqtt_port or settings.MQTT_PORT


def stream_host() -> str:
    """Return the host name that streaming cameras should connect to."""
    if settings.PHOTOHUB_URL:
        return urlsplit(settings.PHOTOHUB_URL).hostname or settings.BEST_ADDRESS
    return reachable_at(settings.STREAM_HOST)


def stream_port() -> int:
    return _stream_port or settings.STREAM_PORT
