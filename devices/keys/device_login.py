"""How a device shows its key to the operations of the management API that are for devices."""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import APIKeyHeader, HttpBearer

from devices.registry.models import Device
from photohub.lib.pages.api import ApiError

from . import identity


class BearerKey(HttpBearer):
    """`Authorization: Bearer <device key>`."""

    def authenticate(self, request: HttpRequest, token: str) -> Device:
        return _device_of(token.strip())


class HeaderKey(APIKeyHeader):
    """`X-Device-Key: <device key>`."""

    param_name = "X-Device-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> Device:
        return _device_of(key or "")


def _device_of(key: str) -> Device:
    device = identity.find_device(key) if key.isascii() and key.isprintable() and key else None
    if device is None:
        raise ApiError(401, "auth", _("Send the device's key: X-Device-Key: <key>."))
    if not device.enabled:
        raise ApiError(403, "disabled", identity.describe_disabled(device))
    return device


DEVICE_KEY = [BearerKey(), HeaderKey()]
