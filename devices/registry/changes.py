"""Changing a device: one function for pages and API, with the same rules and the same trace for both."""

import re
from collections.abc import Iterable, Mapping
from typing import cast

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.access.groups import DeviceGroup
from devices.access.models import DeviceInGroup
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from photohub.lib.messaging import notify
from photohub.lib.pages.sentences import Said, said, said_of

from . import broker_accounts
from .camera_profiles import PANEL, PROFILES
from .models import Device, Panel
from .rules import check_device, host_of, read_network, unmask

CHANGEABLE: dict[str, str | Promise] = {
    "name": gettext_lazy("name"),
    "profile": gettext_lazy("profile"),
    "groups": gettext_lazy("groups"),
    "enabled": gettext_lazy("turned on"),
    "pinned": gettext_lazy("pinned"),
    "note": gettext_lazy("note"),
    "command_topic": gettext_lazy("command topic"),
    "result_topic": gettext_lazy("result topic"),
    "frame_topic": gettext_lazy("frame topic"),
    "picture_topic": gettext_lazy("picture topic"),
    "picture_ack_topic": gettext_lazy("acknowledgement topic"),
    "lasting_links": gettext_lazy("lasting links"),
    "action_as_string": gettext_lazy("action as text"),
    "result_publisher": gettext_lazy("who publishes the result"),
    "command_timeout_s": gettext_lazy("time for a picture"),
    "reporting_interval_s": gettext_lazy("reporting interval"),
    "one_wake": gettext_lazy("orders in the answers to uploads"),
    "issued_name_upload": gettext_lazy("upload by issued name"),
    "allowed_network": gettext_lazy("allowed network"),
    "ack_base": gettext_lazy("first acknowledgement"),
    "stream_policy": gettext_lazy("stream policy"),
    "pull_url": gettext_lazy("address to fetch from"),
    "pull_interval_s": gettext_lazy("time between fetches"),
    "pull_fingerprint": gettext_lazy("trusted certificate"),
    "product_key": gettext_lazy("product key"),
    "device_name": gettext_lazy("device name"),
    "modules": gettext_lazy("modules"),
    "hardware": gettext_lazy("hardware"),
    "firmware_over_mqtt": gettext_lazy("firmware over MQTT"),
    "config_wanted": gettext_lazy("ask what it is"),
}


def change_device(device: Device, values: Mapping[str, object], user=None) -> list[str]:
    """Set these values and store the device. Returns the names of the fields that really changed.

    Raises ValidationError by field, in sentences; then nothing is stored, and `device` is spoilt.
    A field that nobody may change raises KeyError: that is a mistake of the caller, not of a person.
    """
    for field in values:
        CHANGEABLE[field]
    clean = {field: _clean(field, value) for field, value in values.items()}
    if isinstance(url := clean.get("pull_url"), str):
        clean["pull_url"] = unmask(url, device.pull_url)
        if host_of(url) != host_of(device.pull_url):
            # The certificate of one camera says nothing of the next.
            clean.setdefault("pull_fingerprint", "")
    groups = cast("Iterable[DeviceGroup] | None", clean.pop("groups", None))
    changed = [field for field, value in clean.items() if getattr(device, field) != value]
    for field in changed:
        setattr(device, field, clean[field])
    if groups is not None and set(groups) != set(device.groups.all()):
        changed.append("groups")
    if not changed:
        return []
    if device.profile not in PROFILES:
        raise ValidationError({"profile": _("There is no profile of this name.")})
    check_device(device)
    _store(device, changed, groups or (), user)
    return changed


def _clean(field: str, value: object) -> object:
    if field == "allowed_network" and isinstance(value, str) and value.strip():
        network = read_network(value)
        return str(network) if network else value.strip()
    if field == "pull_fingerprint" and isinstance(value, str):
        return re.sub(r"[\s:]", "", value).lower()
    return value.strip() if isinstance(value, str) else value


def _store(device: Device, changed: list[str], groups: Iterable[DeviceGroup], user) -> None:
    try:
        with transaction.atomic():
            device.save(update_fields=[field for field in changed if field != "groups"])
            if "groups" in changed:
                device.groups.set(groups)
            if device.profile == PANEL:
                Panel.objects.get_or_create(device=device)
            sentence = describe_change(device, changed)
            events.record_change(device, user, sentence)
            audit.note(Word.CHANGED, Kind.DEVICE, device.code, device.name, sentence)
            broker_accounts.want(device)
            notify.send_after_commit(notify.GATEWAY, {"type": "gateway.devices"})
    except IntegrityError as error:
        # Somebody took the same topic between the check and the commit: the rule can now name the holder.
        check_device(device)
        raise ValidationError(_("Someone else changed this in the meantime. Try again.")) from error


def put_into_group(group: DeviceGroup, devices: Iterable[Device], user=None) -> int:
    """Put these devices into the group, beside their other groups. Returns how many were not in it."""
    asked = list(devices)
    known = DeviceInGroup.objects.filter(group=group, device__in=asked)
    there = set(known.values_list("device", flat=True))
    coming = [device for device in asked if device.pk not in there]
    with transaction.atomic():
        rows = [DeviceInGroup(group=group, device=device) for device in coming]
        DeviceInGroup.objects.bulk_create(rows, ignore_conflicts=True)
        _tell_grouping(coming, user)
        if coming:
            sentence = said("Devices added to it: %(n)d.", n=len(coming))
            audit.note(Word.CHANGED, Kind.GROUP, group.pk, group.name, sentence)
    return len(coming)


def take_out_of_group(group: DeviceGroup, devices: Iterable[Device], user=None) -> int:
    """Take these devices out of the group; their other groups keep them. Returns how many were in it."""
    rows = DeviceInGroup.objects.filter(group=group, device__in=list(devices))
    with transaction.atomic():
        going = [row.device for row in rows.select_related("device")]
        rows.delete()
        _tell_grouping(going, user)
        if going:
            sentence = said("Devices taken out of it: %(n)d.", n=len(going))
            audit.note(Word.CHANGED, Kind.GROUP, group.pk, group.name, sentence)
    return len(going)


def _tell_grouping(devices: Iterable[Device], user) -> None:
    for device in devices:
        events.record_change(device, user, describe_change(device, ["groups"]))


def describe_change(device: Device, changed: list[str]) -> Said:
    """Say in one sentence what was changed."""
    if changed == ["enabled"]:
        return said("Turned on.") if device.enabled else said("Turned off.")
    return said("Settings changed: %(fields)s.", fields=[said_of(CHANGEABLE[field]) for field in changed])
