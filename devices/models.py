"""The models of all rooms, for Django alone: it looks for them here. Import them from their rooms."""

from devices.access.groups import DeviceGroup
from devices.access.models import (
    ApiToken,
    BrowserSession,
    DeviceInGroup,
    DeviceRemoval,
    Invitation,
    Membership,
    Role,
    Scope,
)
from devices.audit.models import AuditEntry
from devices.camera_settings.models import CameraSettings, RestartState, WishState
from devices.commands.models import Command, CommandState
from devices.events.models import Event, EventType, ServiceBeat, Trouble
from devices.firmware.models import Firmware, FirmwareState, SigningKey
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget, TargetState
from devices.hub_settings.models import HubSetting
from devices.leases.models import Lease, LeaseKind
from devices.panels.deliveries.models import Delivery, DeliveryState, DeliveryWay, PictureOrigin
from devices.panels.playlists.models import PlaylistItem
from devices.panels.rendering.models import RenderProfile
from devices.registry.models import BrokerAccount, Device, DeviceKey, LinkState, Panel, Publisher
from devices.schedules.models import RunDay, Schedule, ScheduledRun
from devices.telemetry.models import SummedUp, TelemetryHour, TelemetrySample

__all__ = [
    "ApiToken",
    "AuditEntry",
    "BrokerAccount",
    "BrowserSession",
    "CameraSettings",
    "Command",
    "CommandState",
    "Delivery",
    "DeliveryState",
    "DeliveryWay",
    "Device",
    "DeviceGroup",
    "DeviceInGroup",
    "DeviceKey",
    "DeviceRemoval",
    "Event",
    "EventType",
    "Firmware",
    "FirmwareState",
    "HubSetting",
    "Invitation",
    "Lease",
    "LeaseKind",
    "LinkState",
    "Membership",
    "Panel",
    "PictureOrigin",
    "PlaylistItem",
    "Publisher",
    "RenderProfile",
    "RestartState",
    "Role",
    "Rollout",
    "RolloutState",
    "RolloutTarget",
    "RunDay",
    "Schedule",
    "ScheduledRun",
    "Scope",
    "ServiceBeat",
    "SigningKey",
    "SummedUp",
    "TargetState",
    "TelemetryHour",
    "TelemetrySample",
    "Trouble",
    "WishState",
]
