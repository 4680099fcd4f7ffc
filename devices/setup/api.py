"""The management API of devices, their keys, commands and events."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field, StringConstraints

from devices.access import rights
from devices.access.groups import DeviceGroup
from devices.access.rights import Action, can, person_asking, require_owner
from devices.events import record as events
from devices.events.models import Trouble
from devices.events.troubles_api import TroubleOut
from devices.panels.fetching.settings import change_panel
from devices.panels.fetching.shapes import PanelChanges, PanelOut
from devices.registry import disclosure, presence
from devices.registry.camera_profiles import PROFILES
from devices.registry.changes import change_device
from devices.registry.finding import device_of
from devices.registry.models import Device, LinkState, Panel
from devices.registry.removing import remove_device
from devices.registry.rules import (
    COMMAND_TIMEOUT_S,
    PULL_INTERVAL_S,
    REPORTING_INTERVAL_S,
    hide_all_but_host,
    mask_secrets,
)
from photohub.lib.pages.api import NO_NUL, Changes, Cursor, Limit, Page, Text, between, page_of
from photohub.lib.pages.sentences import said

from . import adding

router = Router()

Topic = Annotated[Text, Field(max_length=200)]
GroupName = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
GROUPS_AT_MOST = 100


class DeviceOut(Schema):
    """A camera or a panel."""

    code: str
    name: str
    profile: str
    group: str | None = Field(description="The first of `groups`; null where you see none")
    groups: list[str] = Field(description="Names of its groups, in their order; only those that you may see")
    online: bool
    last_seen_at: datetime | None
    enabled: bool
    pinned: bool
    simulated: bool
    note: str
    created_at: datetime
    command_topic: str
    result_topic: str
    frame_topic: str
    picture_topic: str
    picture_ack_topic: str
    action_as_string: bool
    result_publisher: Literal["device", "hub"]
    lasting_links: Literal["", "on", "off"] = Field(
        description="Whether `/p/<code>` of its pictures works without a login; empty: as PHOTOHUB_LASTING_LINKS says"
    )
    command_timeout_s: int
    reporting_interval_s: int
    one_wake: bool = Field(
        description="The answers to its uploads carry orders, the time and how long to sleep"
    )
    issued_name_upload: bool
    allowed_network: str
    ack_base: int
    stream_policy: str
    pull_url: str = Field(
        description="Where the hub fetches pictures. Secrets are shown as ***; who may not manage the device sees the host"
    )
    pull_interval_s: int
    pull_fingerprint: str = Field(description="SHA-256 of the certificate that is trusted for this device")
    product_key: str
    device_name: str
    modules: dict[str, str]
    hardware: str = Field(description="Board revision, where firmware differs by it")
    firmware_over_mqtt: bool = Field(description="Its firmware comes block by block over MQTT")
    config_wanted: bool = Field(description="hawkBit's device API asks it what it is, until it has answered")
    listens: bool | None = Field(
        description="Whether it was subscribed to its command topic when last connected; null: nobody knows"
    )
    cannot_command: str = Field(
        description="Why it cannot be asked for a picture now, for people; empty where it can"
    )
    battery_mv: int | None
    battery_percent: int | None = Field(
        description="Of one or two lithium cells; null where that cannot be told"
    )
    rssi_dbm: int | None
    free_heap_bytes: int | None
    firmware_version: str
    panel: PanelOut | None = Field(description="Only of devices that show pictures")
    troubles: list[TroubleOut] = Field(description="Empty where all is well")

    @staticmethod
    def resolve_troubles(device: Device) -> list[Trouble]:
        return [trouble for trouble in device.troubles.all() if trouble.is_open]

    @staticmethod
    def resolve_cannot_command(device: Device) -> str:
        reason = presence.why_deaf(device)
        return reason.sentence if reason else ""

    @staticmethod
    def resolve_panel(device: Device) -> Panel | None:
        return getattr(device, "panel", None)

    @staticmethod
    def resolve_pull_url(device: Device, context) -> str:
        manages = can(context["request"].user, Action.MANAGE, device)
        return mask_secrets(device.pull_url) if manages else hide_all_but_host(device.pull_url)

    @staticmethod
    def resolve_group(device: Device, context) -> str | None:
        return next(iter(DeviceOut.resolve_groups(device, context)), None)

    @staticmethod
    def resolve_groups(device: Device, context) -> list[str]:
        # A list of devices has them already.
        if not hasattr(device, "group_names"):
            disclosure.name_groups(person_asking(context), [device])
        return device.group_names


class NewDeviceOut(DeviceOut):
    """A device just made, with its secrets: the only time they are shown."""

    key: str
    device_secret: str | None = Field(description="For the Aliyun form of the MQTT login, where there is one")


class DeviceChanges(Changes):
    """What can be changed of a device. What is left out stays as it is."""

    name: Annotated[Text, Field(min_length=1, max_length=80)] = ""
    groups: Annotated[list[GroupName], Field(max_length=GROUPS_AT_MOST)] = Field(
        [], description="Names of all its groups, made when there are none of these names; empty: no group"
    )
    group: GroupName | None = Field(
        None, description="Puts it into this group alone; null: into none. Not read where `groups` is given"
    )
    profile: Literal[tuple(PROFILES)] = "generic"  # type: ignore[valid-type]
    enabled: bool = True
    pinned: bool = False
    note: Annotated[Text, Field(max_length=10_000)] = ""
    command_topic: Topic = Field("", description="Empty: the device takes no commands")
    result_topic: Topic = ""
    frame_topic: Topic = ""
    picture_topic: Topic = ""
    picture_ack_topic: Topic = ""
    action_as_string: bool = False
    result_publisher: Literal["device", "hub"] = "device"
    lasting_links: Literal["", "on", "off"] = ""
    command_timeout_s: Annotated[int, between(COMMAND_TIMEOUT_S)] = 30
    reporting_interval_s: Annotated[int, between(REPORTING_INTERVAL_S)] = 300
    one_wake: bool = Field(
        False, description="true: the answers to its uploads carry orders, the time and how long to sleep"
    )
    issued_name_upload: bool = False
    allowed_network: Annotated[Text, Field(max_length=64)] = Field(
        "", description="CIDR, e.g. 192.168.1.0/24"
    )
    ack_base: Annotated[int, Field(ge=0, le=1)] = 0
    stream_policy: Annotated[Text, Field(max_length=32)] = Field(
        "on_demand", description="none, every, on_demand or interval:<seconds>"
    )
    pull_url: Annotated[Text, Field(max_length=300)] = Field(
        "",
        description="http(s)://…/snapshot.jpg, http://…/stream.mjpg or tcp://host:port; empty: not pulled. "
        "Stars as they were read keep what they stand for",
    )
    pull_fingerprint: Annotated[Text, Field(max_length=128)] = Field(
        "", description="SHA-256 of a certificate that no authority signed; empty: trust none"
    )
    pull_interval_s: Annotated[int, between(PULL_INTERVAL_S)] = 10
    product_key: Annotated[Text, Field(max_length=64)] = ""
    device_name: Annotated[Text, Field(max_length=64)] = ""
    modules: dict[Annotated[Text, Field(max_length=64)], Annotated[Text, Field(max_length=64)]] = {}
    hardware: Annotated[Text, Field(max_length=64)] = Field("", description="Board revision")
    firmware_over_mqtt: bool = False
    config_wanted: bool = Field(True, description="true: ask the device once more, by hawkBit's device API")
    panel: PanelChanges = Field(PanelChanges(), description="Makes the device a panel when it was none")


class NewDevice(DeviceChanges):
    """A device to be made. Its profile fills in whatever is not given here."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,31}$", description="Its lasting public name")]
    profile: Literal[tuple(PROFILES)] = Field(...)  # type: ignore[valid-type]


@router.get("/devices", response=Page[DeviceOut], summary="List devices")
def list_devices(
    request: HttpRequest,
    group: Annotated[str, Query(pattern=NO_NUL, description="Name of a group")] = "",
    q: Annotated[str, Query(pattern=NO_NUL, max_length=200, description="Part of a name or code")] = "",
    online: bool | None = None,
    limit: Limit = 100,
    cursor: Cursor = "",
):
    """Newest first, only those that you may see."""
    rows = Device.objects.visible_to(request.user).select_related("panel__render_profile")
    rows = rows.prefetch_related("troubles")
    if group:
        rows = disclosure.of_group(rows, request.user, group)
    if q:
        rows = rows.filter(Q(name__icontains=q) | Q(code__icontains=q))
    if online is not None:
        rows = rows.filter(_is_online() if online else ~_is_online())
    items, following = page_of(rows, "created_at", cursor, limit)
    disclosure.name_groups(request.user, items)
    rights.look_up(request.user, [device.pk for device in items])
    disclosure.look_up(request.user, (row.panel.shown_label for row in items if hasattr(row, "panel")))
    return {"items": items, "next": following}


def _is_online() -> Q:
    """Say `Device.online` to the database. Patience differs by device, so each length is asked for."""
    now = timezone.now()
    lately = Q(link_state=LinkState.LOST, last_seen_at__range=_around(now, 60))
    for seconds in Device.objects.order_by().values_list("reporting_interval_s", flat=True).distinct():
        around = _around(now, seconds * 1.5 + 15)
        lately |= Q(reporting_interval_s=seconds, link_state=LinkState.UNKNOWN, last_seen_at__range=around)
    before = Q(link_changed_at=None) | Q(link_changed_at__lt=F("last_seen_at")) | Q(link_changed_at__gt=now)
    return Q(link_state=LinkState.CONNECTED) | (lately & before)


def _around(now: datetime, seconds: float) -> tuple[datetime, datetime]:
    return now - timedelta(seconds=seconds), now + timedelta(seconds=seconds)


@router.post("/devices", response={201: NewDeviceOut}, summary="Add a device")
def create_device(request: HttpRequest, new: NewDevice):
    """For owners. `key` and `device_secret` are in this answer only. 409 `conflict`: the code is taken."""
    require_owner(request)
    values: dict[str, Any] = {"name": ""} | new.model_dump(exclude_unset=True)
    panel = values.pop("panel", None)
    with transaction.atomic():
        _find_groups(values)
        made = adding.add_device(**values)
        if panel is not None:
            change_panel(made.device, panel, request.user)
        events.record_change(made.device, request.user, said("Added."))
    made.device.key, made.device.device_secret = made.key, made.device_secret
    return Status(201, made.device)


@router.get("/devices/{code}", response=DeviceOut, summary="Read a device")
def read_device(request: HttpRequest, code: str):
    return device_of(request, code)


@router.patch("/devices/{code}", response=DeviceOut, summary="Change a device")
def patch_device(request: HttpRequest, code: str, changes: DeviceChanges):
    """For owners. 409 `conflict` when a topic belongs to another device."""
    device = device_of(request, code, Action.MANAGE)
    values = changes.model_dump(exclude_unset=True)
    panel = values.pop("panel", None)
    with transaction.atomic():
        _find_groups(values)
        change_device(device, values, request.user)
        if panel is not None:
            change_panel(device, panel, request.user)
    # The answer to a change needs no right but that to change.
    return device_of(request, code, Action.MANAGE)


def _find_groups(values: dict) -> None:
    """Put groups in the place of their names; new ones go again with a change that is refused.

    `group` is what programs write that know of one.
    """
    one = values.pop("group", ...)
    names = values.pop("groups", None)
    if names is None and one is not ...:
        names = [one] if one else []
    if names is not None:
        values["groups"] = [DeviceGroup.objects.get_or_create(name=name)[0] for name in names]


@router.delete("/devices/{code}", response={204: None}, summary="Delete a device and its pictures")
def delete_device(request: HttpRequest, code: str):
    """For owners. Its keys end at once, and all its pictures are deleted for good, kept ones too."""
    remove_device(device_of(request, code, Action.MANAGE), request.user)
    return Status(204, None)
