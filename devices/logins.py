"""Note on a device's page that somebody with its name was let in nowhere, most often the device with another key."""

import re

from . import troubles
from .models import Device
from .protocol.aliyun_login import parse_login
from .protocol.topics import CODE_PATTERN

MQTT = "login_mqtt"
STREAM = "login_stream"


def note_refused(word: str, code: str, address: str) -> None:
    """Note that a login by key was refused. That a device is switched off its page says anyway."""
    _note(word, address, code=code)


def note_refused_mqtt(client_id: str, username: str, address: str) -> None:
    """Note that a login at the broker was refused, in either of its forms."""
    login = parse_login(client_id, username) if "&" in username else None
    if login is not None:
        _note(MQTT, address, product_key=login.product_key, device_name=login.device_name)
    elif re.fullmatch(CODE_PATTERN, username):
        _note(MQTT, address, code=username)


def note_accepted_mqtt(code: str) -> None:
    """Note that the device was let in at the broker."""
    device = Device.objects.filter(code=code).first()
    if device is not None:
        troubles.over(device, MQTT)


def _note(word: str, address: str, **names: str) -> None:
    device = Device.objects.filter(enabled=True, **names).first()
    if device is not None:
        troubles.note(device, word, address=address or "?")
