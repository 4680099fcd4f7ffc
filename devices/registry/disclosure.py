"""What may be told of things that lie between groups: somebody who sees a panel need not see the camera behind it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from devices.access.rights import Action, can, sees_all
from photohub.lib.ids import read_id

from .models import Device, DeviceGroup


def look_up(user, references: Iterable[str]) -> None:
    """Find out at once about many pictures that are to be told of, which else are looked up one by one."""
    foreign_among(user, list(references))


def tell_label(user, label: str, device: Device) -> str:
    """Return what a panel's picture is known by, as far as the person may know it."""
    if label in foreign_among(user, [label]):
        return ""
    return label if can(user, Action.COMMAND, device) else bare_address(label)


def tell_group(user, name: str) -> str:
    """Return a group's name when the person may see one of its devices, else nothing."""
    if not name or sees_all(user):
        return name
    visible = Device.objects.visible_to(user)
    return name if DeviceGroup.objects.filter(name=name, devices__in=visible).exists() else ""


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
