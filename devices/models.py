"""The models of all rooms, for Django alone: it looks for them here. Import them from their rooms."""

from devices.access.models import ApiToken, Invitation, Membership, Role, Scope
from devices.commands.models import Command, CommandState
from devices.events.models import Event, EventType
from devices.events.service_models import ServiceBeat
from devices.events.trouble_models import Trouble
from devices.firmware.models import Firmware, FirmwareState, SigningKey
from devices.firmware.rollouts.models import Rollout, RolloutState, RolloutTarget, TargetState
from devices.panels.deliveries.models import (
    Delivery,
    DeliveryState,
    DeliveryWay,
    Panel,
    PictureOrigin,
    PlaylistItem,
    RenderProfile,
)
from devices.registry.models import BrokerAccount, Device, DeviceGroup, DeviceKey, LinkState, Publisher

__all__ = [
    "ApiToken",
    "BrokerAccount",
    "Command",
    "CommandState",
    "Delivery",
    "DeliveryState",
    "DeliveryWay",
    "Device",
    "DeviceGroup",
    "DeviceKey",
    "Event",
    "EventType",
    "Firmware",
    "FirmwareState",
    "Invitation",
    "LinkState",
    "Membership",
    "Panel",
    "PictureOrigin",
    "PlaylistItem",
    "Publisher",
    "RenderProfile",
    "Role",
    "Rollout",
    "RolloutState",
    "RolloutTarget",
    "Scope",
    "ServiceBeat",
    "SigningKey",
    "TargetState",
    "Trouble",
]
