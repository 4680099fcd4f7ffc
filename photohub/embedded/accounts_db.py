"""Who may use the embedded broker: devices by code and key, people by user name and API token, the hub itself."""

import hmac
import secrets

from devices import addressing, identity
from devices.access import Action, can
from devices.models import ApiToken, Device, DeviceKey
from devices.protocol.mqtt_packets import Connect
from photohub.lib.ids import hash_key

from .accounts import Account

HUB_USERNAME = "photohub-hub"
HUB_PASSWORD = secrets.token_urlsafe(32)


def find_account(connect: Connect) -> Account | None:
    """Return the account that these credentials prove; None for a stranger or a device that is switched off."""
    username, password = connect.username or "", _text(connect.password)
    if not username or not password:
        return None
    if username == HUB_USERNAME:
        right = hmac.compare_digest(password.encode(), HUB_PASSWORD.encode())
        return Account(HUB_USERNAME, "hub", ("#",), ("#",)) if right else None
    return _device_account(username, password) or _person_account(username, password)


def _text(password: bytes | str | None) -> str:
    return password.decode("utf-8", "replace") if isinstance(password, bytes) else password or ""


def _device_account(username: str, password: str) -> Account | None:
    device = identity.find_device(password)
    if device is None or device.code != username or not device.enabled:
        return None
    publish, subscribe = addressing.rights_of(device)
    return Account(
        username, "device", tuple(publish), tuple(subscribe), subject=(device.pk, hash_key(password))
    )


def _person_account(username: str, password: str) -> Account | None:
    token = identity.find_token(password)
    if token is None or token.user.get_username() != username:
        return None
    user = token.user
    user.token_scopes = token.scopes
    if not can(user, Action.LOOK):
        return None
    return Account(
        username,
        "person",
        (),
        tuple(addressing.rights_of_person(user)),
        subject=(user.pk, hash_key(password)),
    )


def no_longer_valid(accounts: list[Account]) -> list[Account]:
    """Return the connected accounts whose key, device, person or topics changed since they came in."""
    fresh = {a: _again(a) for a in accounts if a.kind != "hub"}
    return [a for a, now in fresh.items() if now != a]


def _again(account: Account) -> Account | None:
    pk, digest = account.subject
    if account.kind == "device":
        device = Device.objects.filter(pk=pk, enabled=True).first()
        if (
            device is None
            or not DeviceKey.objects.filter(device=device, sha256=digest, revoked_at=None).exists()
        ):
            return None
        publish, subscribe = addressing.rights_of(device)
        return Account(account.username, "device", tuple(publish), tuple(subscribe), subject=account.subject)
    token = ApiToken.objects.select_related("user").filter(sha256=digest).first()
    if token is None or not token.live or not token.user.is_active:
        return None
    topics = tuple(addressing.rights_of_person(token.user))
    return Account(account.username, "person", (), topics, subject=account.subject)
