"""Note on a device's page that somebody with its name was let in nowhere, most often the device with another key."""

import re

from devices.commands.models import Command
from devices.events import troubles
from devices.protocol.aliyun.login import parse_login
from devices.protocol.topics import CODE_PATTERN
from devices.registry.models import Device, DeviceKey
from photohub.lib.ids import hash_key
from photohub.lib.pages.sentences import said

from .identity import Claim, find_by_network

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
        troubles.note(device, word, address=address or said("an unknown address"))


def device_of_key(key: str) -> Device | None:
    """Return whose key this is or was."""
    row = DeviceKey.objects.select_related("device").filter(sha256=hash_key(key)).first()
    return row.device if row is not None else None


def device_behind(claim: Claim) -> Device | None:
    """Tell whose upload it was that was refused: by a key that was revoked, a name that was used, or its network."""
    if claim.key and (device := device_of_key(claim.key)) is not None:
        return device
    command = Command.objects.select_related("device").filter(name=claim.name).first() if claim.name else None
    if command is not None:
        return command.device
    return find_by_network(claim.address) if claim.address else None
