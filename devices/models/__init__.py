"""Who the devices are, who may see them, and what we tell them."""

from .access import ApiToken, Invitation, Membership, Role, Scope
from .command import Command, CommandState
from .delivery import (
    Delivery,
    DeliveryState,
    DeliveryWay,
    Panel,
    PictureOrigin,
    PlaylistItem,
    RenderProfile,
)
from .device import BrokerAccount, Device, DeviceGroup, DeviceKey, LinkState, Publisher
from .event import Event, EventType
from .firmware import Firmware, FirmwareState, SigningKey
from .rollout import Rollout, RolloutState, RolloutTarget, TargetState
from .service import ServiceBeat
from .trouble import Trouble

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
