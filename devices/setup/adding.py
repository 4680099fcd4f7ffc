"""Adding a device: a free code, the values of its profile, its first key."""

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from devices.access.groups import DeviceGroup
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.keys.identity import issue_key
from devices.registry.camera_profiles import PANEL, PROFILES, fill_in
from devices.registry.models import Device, Panel
from devices.registry.rules import RESERVED_CODES, check_device
from photohub.lib.encryption import encrypt
from photohub.lib.messaging import notify


@dataclass(frozen=True)
class NewDevice:
    """A device just made, with its secrets in clear: the only time they are seen. `key` is empty if it has none."""

    device: Device
    key: str
    device_secret: str | None


def add_device(
    *, code: str, name: str, profile: str, groups: Iterable[DeviceGroup] = (), with_key: bool = True, **values
) -> NewDevice:
    """Make a device with its profile filled in and its first key. Raises ValidationError in the field's words.

    Without a key for a panel that fetches its own when it sets itself up.
    """
    if profile not in PROFILES:
        raise ValidationError({"profile": _("There is no profile of this name.")})
    device = Device(code=code, name=name or code, profile=profile)
    # Simulated boards leave the topics of the published firmware to the first real one.
    fill_in(device, fixed_topics=not values.get("simulated", False))
    for field, value in values.items():
        setattr(device, field, value)
    device_secret = None
    if device.product_key:
        device_secret = secrets.token_hex(16)
        device.device_secret_encrypted = encrypt(device_secret)
    check_device(device)
    with transaction.atomic():
        device.save()
        device.groups.add(*groups)
        if device.profile == PANEL:
            Panel.objects.create(device=device)
        key = issue_key(device) if with_key else ""
        audit.note(Word.ADDED, Kind.DEVICE, device.code, device.name)
        notify.send_after_commit(notify.GATEWAY, {"type": "gateway.devices"})
    return NewDevice(device, key, device_secret)


_CODE_CHARS = 32


def propose_code(name: str, kind: str = "camera") -> str:
    """Return a free code made from a name; one without Latin letters or digits gives camera-2 or so, by its kind."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    word = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:_CODE_CHARS].rstrip("-")
    # A few digits out of a Chinese name say nothing to anybody.
    base = word if len(word) > 1 and not word.isdigit() else kind
    taken = set(Device.objects.filter(code__startswith=base[:20]).values_list("code", flat=True))
    if base not in taken | RESERVED_CODES and base != kind:
        return base
    numbers = range(1 if base == kind else 2, len(taken) + 3)
    proposals = (f"{base[: _CODE_CHARS - len(str(n)) - 1].rstrip('-')}-{n}" for n in numbers)
    return next(code for code in proposals if code not in taken)
