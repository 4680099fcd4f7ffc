"""What may be told of things that lie between groups: somebody who sees a panel need not see the camera behind it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.db.models import F, OuterRef, Q, Subquery

from devices.access.groups import DeviceGroup, known_to
from devices.access.rights import Action, can, sees_all
from photohub.lib.ids import read_id

from .models import Device, DeviceQuerySet


def look_up(user, references: Iterable[str]) -> None:
    """Find out at once about many pictures that are to be told of, which else are looked up one by one."""
    foreign_among(user, list(references))


def tell_label(user, label: str, device: Device) -> str:
    """Return what a panel's picture is known by, as far as the person may know it."""
    if label in foreign_among(user, [label]):
        return ""
    return label if can(user, Action.COMMAND, device) else bare_address(label)


def tell_group(user, name: str) -> str:
    """Return a group's name when the person may know it, else nothing."""
    if not name or sees_all(user):
        return name
    return name if DeviceGroup.objects.visible_to(user).filter(name=name).exists() else ""


def name_groups(user, devices: Iterable[Device]) -> None:
    """Write on each device the names of its groups that the person may know, in the order of groups. One query."""
    found = {device.pk: device for device in devices}
    for device in found.values():
        device.group_names = []
    rows = known_to(user).filter(device__in=found).order_by(*_IN_ORDER)
    for key, name in rows.values_list("device", "group__name"):
        found[key].group_names.append(name)


_IN_ORDER = (F("group__position").asc(nulls_last=True), "group__name")


def first_group(user) -> Subquery:
    """Say to the database the name of a device's first group of those that the person may know."""
    rows = known_to(user).filter(device=OuterRef("pk")).order_by(*_IN_ORDER)
    return Subquery(rows.values("group__name")[:1])


def of_group(devices: DeviceQuerySet, user, name: str, key: str = "") -> DeviceQuerySet:
    """Keep the devices of the group of this name, or with this key in digits, if the person may know of it."""
    named = Q(name=name)
    if key.isascii() and key.isdigit():
        named |= Q(pk=int(key[:15]))
    return devices.in_groups(DeviceGroup.objects.visible_to(user).filter(named))


def bare_address(text: str) -> str:
    """Return a web address without login and query, which may hold secrets; any other text as it is."""
    try:
        parts = urlsplit(text)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return ""
    return bare if parts.scheme in ("http", "https") else text


def foreign_among(user, references: list[str]) -> set[str]:
    """Return those of these pictures' ids that belong to no device which the person may see.

    What was found is kept on the user, so for one request.
    """
    ids = {key: text for text in references if (key := read_id(text))}
    if not ids or sees_all(user):
        return set()
    if not hasattr(user, "foreign_pictures"):
        user.foreign_pictures = {}
    known = user.foreign_pictures
    if unknown := [key for key in ids if key not in known]:
        visible = Device.objects.visible_to(user).filter(captures__in=unknown)
        seen = set(visible.values_list("captures", flat=True))
        known.update((key, key not in seen) for key in unknown)
    return {text for key, text in ids.items() if known[key]}
