"""Who is it? Keys of devices and tokens of people, for every endpoint."""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.commands.models import Command, CommandState
from devices.events import record as events
from devices.protocol.aliyun.login import Login, verify
from devices.registry import broker_accounts
from devices.registry.models import Device, DeviceKey
from photohub.lib.encryption import decrypt, encrypt
from photohub.lib.ids import hash_key, new_key
from photohub.lib.network.ip import read_ip
from photohub.lib.pages.sentences import said

PREFIX_LENGTH = 8
LIVE_KEYS_AT_MOST = 2


def issue_key(device: Device) -> str:
    """Give the device one more key and return it in clear; of more than two live ones the oldest is revoked."""
    key = new_key()
    with transaction.atomic():
        DeviceKey.objects.create(device=device, prefix=key[:PREFIX_LENGTH], sha256=hash_key(key))
        live = device.keys.filter(revoked_at=None).order_by("-created_at", "-pk")
        stale = [k.pk for k in live[LIVE_KEYS_AT_MOST:]]
        DeviceKey.objects.filter(pk__in=stale).update(revoked_at=timezone.now())
        broker_accounts.want(device, key)
    return key


def issue_key_for(device: Device, user) -> str:
    """Give the device one more key at somebody's wish, and write it down."""
    with transaction.atomic():
        key = issue_key(device)
        # Everybody who may look reads the events, and how a key begins is no business of theirs.
        events.record_change(device, user, said("A key was created."))
        audit.note(Word.ADDED, Kind.DEVICE_KEY, device.code, device.name, f"{key[:PREFIX_LENGTH]}…")
    return key


def revoke_key(key: DeviceKey, user=None) -> None:
    """End a key at once: every wire that used it is closed within seconds."""
    with transaction.atomic():
        DeviceKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
        broker_accounts.forget_revoked(key.device)
        events.record_change(key.device, user, said("A key was revoked."))
        audit.note(Word.REVOKED, Kind.DEVICE_KEY, key.device.code, key.device.name, f"{key.prefix}…")


def find_key(key: str) -> DeviceKey | None:
    """Return the live key with its device, enabled or not; None for an unknown or revoked one."""
    found = find_row(DeviceKey.objects.filter(revoked_at=None).select_related("device"), key)
    if found is not None:
        note_use(DeviceKey, found)
    return found


def find_device(key: str) -> Device | None:
    """Return the device that holds this key, enabled or not; None for an unknown or revoked key."""
    found = find_key(key)
    return found.device if found else None


def find_by_signature(login: Login, password: bytes | str) -> Device | None:
    """Return the device whose `device_secret` signed this login in the Aliyun form, enabled or not."""
    rows = Device.objects.filter(product_key=login.product_key, device_name=login.device_name)
    device = rows.exclude(product_key="").first()
    secret = device_secret(device) if device else None
    return device if secret and verify(login, secret, password) else None


def find_row(rows, secret: str):
    digest = hash_key(secret)
    for row in rows.filter(prefix=secret[:PREFIX_LENGTH]):
        if hmac.compare_digest(row.sha256, digest):
            return row
    return None


def note_use(model, row) -> None:
    # Once a minute is exact enough for people, and spares a write on every upload.
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > timedelta(minutes=1):
        model.objects.filter(pk=row.pk).update(last_used_at=now)


def find_by_issued_name(name: str) -> tuple[Device, Command] | None:
    """Return the device and command that this picture name was issued for, open or already answered.

    The name is the proof, so only names the hub made count (they hold at least 96 random bits).
    """
    command = (
        Command.objects.select_related("device")
        .filter(name=name, device__issued_name_upload=True, state__in=(*Command.OPEN, CommandState.UPLOADED))
        .first()
    )
    if command is None or (command.state in Command.OPEN and command.expires_at <= timezone.now()):
        return None
    return command.device, command


def find_by_network(address: str) -> Device | None:
    """Return the one device whose `allowed_network` holds this address; None when no device or several do."""
    source = read_ip(address)
    if source is None:
        return None
    found = [d for d in Device.objects.exclude(allowed_network="") if _holds(d.allowed_network, source)]
    return found[0] if len(found) == 1 else None


def _holds(network: str, address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def device_secret(device: Device) -> str | None:
    """Read back the Aliyun-form secret."""
    return decrypt(device.device_secret_encrypted) if device.device_secret_encrypted else None


def issue_device_secret(device: Device, user=None) -> str:
    """Give the device a new Aliyun-form secret and return it in clear: the only time it is seen."""
    secret = secrets.token_hex(16)
    device.device_secret_encrypted = encrypt(secret)
    with transaction.atomic():
        device.save(update_fields=["device_secret_encrypted"])
        events.record_change(device, user, said("A new device secret was created."))
        audit.note(Word.ADDED, Kind.DEVICE_KEY, device.code, device.name)
    return secret


def describe_disabled(device: Device) -> str:
    return _("The device %(name)s is turned off. Its owner can turn it on in its settings.") % {
        "name": device
    }


@dataclass(frozen=True)
class Claim:
    """What a device shows of itself at an endpoint: a key, or a picture name and the address it came from."""

    key: str = ""
    name: str = ""
    address: str = ""


@dataclass(frozen=True)
class Known:
    """Who it is. `command` is set when the issued name was the proof."""

    device: Device
    key_id: int | None = None
    command: Command | None = None

    @property
    def keyed(self) -> bool:
        return self.key_id is not None


def identify(claim: Claim) -> Known | None:
    """Tell which device this is, by its key, else by an issued name, else by its network; None for a stranger."""
    if claim.key:
        key = find_key(claim.key)
        return Known(key.device, key_id=key.pk) if key else None
    if claim.name and (found := find_by_issued_name(claim.name)):
        return Known(found[0], command=found[1])
    device = find_by_network(claim.address) if claim.address else None
    return Known(device) if device else None
