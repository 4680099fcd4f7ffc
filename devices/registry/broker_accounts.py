"""What an outside broker's accounts should be: rows that `devices.mqtt.dynsec` tells it."""

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from photohub.lib.encryption import encrypt
from photohub.lib.messaging import notify

from .broker_names import hub_names, is_devices
from .models import BrokerAccount, Device


def _kept_elsewhere() -> bool:
    return bool(settings.MQTT_URL and settings.MQTT_DYNSEC)


def tell_gateway() -> None:
    """Let the gateway look at once."""
    notify.send_after_commit(notify.GATEWAY, {"type": "gateway.devices"})


def want(device: Device, key: str | None = None) -> None:
    """Ask for the device's account with its present topics, and with this key when it is a new one."""
    if not _kept_elsewhere():
        return
    changes: dict = {
        "state": BrokerAccount.State.PENDING,
        "wanted": True,
        "next_try_at": timezone.now(),
        "error": "",
    }
    if key is not None:
        changes["secret_encrypted"] = encrypt(key)
    # A device's code comes before a person of the same name, who would else get the device's topics.
    changes |= {"device": device, "user": None}
    BrokerAccount.objects.update_or_create(username=device.code, defaults=changes)
    tell_gateway()


def want_person(user, secret: str) -> None:
    """Ask for a person's account, which reads the result topics of the devices he may see."""
    name = user.get_username()
    if not _kept_elsewhere() or name in hub_names() or is_devices(name):
        return
    BrokerAccount.objects.update_or_create(
        username=name,
        defaults={
            "user": user,
            "state": BrokerAccount.State.PENDING,
            "wanted": True,
            "secret_encrypted": encrypt(secret),
            "next_try_at": timezone.now(),
        },
    )
    tell_gateway()


def want_program(username: str, secret: str) -> None:
    """Ask for the account of a program that is neither a device nor a person; its topics are known by its name."""
    if not _kept_elsewhere():
        return
    changes = {
        "device": None,
        "user": None,
        "state": BrokerAccount.State.PENDING,
        "wanted": True,
        "secret_encrypted": encrypt(secret),
        "next_try_at": timezone.now(),
        "error": "",
    }
    BrokerAccount.objects.update_or_create(username=username, defaults=changes)
    tell_gateway()


def unwant_program(username: str) -> None:
    """Ask for a program's account to be removed."""
    _unwant(BrokerAccount.objects.filter(username=username, device=None, user=None))


def unwant(device: Device) -> None:
    """Ask for a device's account to be removed, which also ends its connections."""
    _unwant(BrokerAccount.objects.filter(username=device.code))


def unwant_person(user) -> None:
    """Ask for a person's account to be removed. A device of the same name keeps its own."""
    _unwant(BrokerAccount.objects.filter(user=user))


def _unwant(accounts: QuerySet[BrokerAccount]) -> None:
    if _kept_elsewhere():
        accounts.update(state=BrokerAccount.State.PENDING, wanted=False, next_try_at=timezone.now())
        tell_gateway()


def forget_revoked(device: Device) -> None:
    """After a key was revoked: the account goes when it was the newest, the only one the broker knows."""
    newest = device.keys.order_by("-created_at", "-pk").first()
    if newest is None or newest.revoked_at is not None:
        unwant(device)
