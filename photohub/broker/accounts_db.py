"""Who may use the embedded broker: devices by code and key, people by user name and API token, Home Assistant by its own."""

import hmac
from dataclasses import replace

from devices.access.models import ApiToken
from devices.access.rights import Action, can
from devices.keys import identity, tokens
from devices.mqtt import addressing, home_assistant
from devices.protocol.aliyun import topics as aliyun_topics
from devices.protocol.aliyun.login import parse_login
from devices.protocol.mqtt.packets import Connect
from devices.registry import broker_names
from devices.registry.models import Device, DeviceKey
from photohub.lib.ids import hash_key

from .accounts import Account


def find_account(connect: Connect) -> Account | None:
    """Return the account that these credentials prove; None for a stranger or a device that is switched off."""
    username, password = connect.username or "", _text(connect.password)
    if not username or not password or username in broker_names.hub_names():
        # The hub itself does not log in here, and nobody else is to be taken for it.
        return None
    if "&" in username:
        return _signed_account(connect.client_id, username, password)
    if username == home_assistant.USERNAME:
        return _program_account(home_assistant.digest_of(password))
    return _device_account(username, password) or _person_account(username, password)


def _program_account(digest: str) -> Account | None:
    """Home Assistant's account, where owners made one: it reads what is told to it, and presses buttons."""
    if not home_assistant.is_proved_by(digest):
        return None
    return Account(
        home_assistant.USERNAME,
        "program",
        home_assistant.PUBLISHES,
        home_assistant.READS,
        subject=(0, "program", digest),
    )


def _text(password: bytes | str | None) -> str:
    return password.decode("utf-8", "replace") if isinstance(password, bytes) else password or ""


def _device_account(username: str, password: str) -> Account | None:
    device = identity.find_device(password)
    if device is None or device.code != username or not device.enabled:
        return None
    return _account_of(device, ("key", hash_key(password)))


def _signed_account(client_id: str, username: str, password: str) -> Account | None:
    """The Aliyun form: the password is a signature over the names, made with the device's secret."""
    login = parse_login(client_id, username)
    device = identity.find_by_signature(login, password) if login else None
    if device is None or not device.enabled:
        return None
    return _signed_account_of(device, _digest_of_secret(device))


def _signed_account_of(device: Device, digest: str) -> Account:
    # The vendor's platform subscribes its devices by itself, so its SDKs never ask for these topics.
    topics = aliyun_topics.automatic_topics(device.product_key, device.device_name)
    return replace(_account_of(device, ("signed", digest)), automatic=topics)


def _digest_of_secret(device: Device) -> str:
    return hash_key(identity.device_secret(device) or "")


def _account_of(device: Device, proof: tuple[str, str]) -> Account:
    # By its code whatever name it logged in with, so that all its connections are one account's.
    publish, subscribe = addressing.rights_of(device)
    return Account(device.code, "device", tuple(publish), tuple(subscribe), subject=(device.pk, *proof))


def _person_account(username: str, password: str) -> Account | None:
    token = tokens.find_token(password)
    if token is None or token.user.get_username() != username:
        return None
    return _account_of_person(token)


def _account_of_person(token: ApiToken) -> Account | None:
    user, username = token.user, token.user.get_username()
    user.token_scopes = token.scopes
    # Under one name with a device he would share its sessions, and be taken for it where only the name is known.
    if not can(user, Action.LOOK) or broker_names.is_devices(username):
        return None
    topics = tuple(addressing.rights_of_person(user))
    return Account(username, "person", (), topics, subject=(user.pk, "token", token.sha256))


def no_longer_valid(accounts: list[Account]) -> list[Account]:
    """Return the connected accounts whose key, device, person or topics changed since they came in."""
    fresh = {a: _again(a) for a in accounts}
    return [a for a, now in fresh.items() if now != a]


def _again(account: Account) -> Account | None:
    pk, kind, digest = account.subject
    if kind == "program":
        return _program_account(digest)
    if account.kind == "device":
        device = Device.objects.filter(pk=pk, enabled=True).first()
        if device is None or not _still_holds(device, kind, digest):
            return None
        return _signed_account_of(device, digest) if kind == "signed" else _account_of(device, (kind, digest))
    token = ApiToken.objects.select_related("user").filter(sha256=digest).first()
    if token is None or not token.live or not token.user.is_active:
        return None
    return _account_of_person(token)


def _still_holds(device: Device, kind: str, digest: str) -> bool:
    if kind == "signed":
        return hmac.compare_digest(_digest_of_secret(device), digest)
    return DeviceKey.objects.filter(device=device, sha256=digest, revoked_at=None).exists()
