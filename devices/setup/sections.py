"""Which settings a device has any use for, and in words how it is connected."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from devices.panels.fetching.settings import fetches
from devices.registry.camera_profiles import PROFILES
from devices.registry.models import PANEL, Device, Publisher
from devices.registry.rules import mask_secrets

# What stands outside the folded part, where the device uses it; the rest is always folded.
PEOPLE = ("name", "groups", "new_group", "note", "pinned", "enabled")
COMMANDS = ("command_timeout_s", "reporting_interval_s", "one_wake")
STREAMS = ("keep", "keep_every_s")
FETCHED = ("pull_url", "pull_interval_s")


@dataclass(frozen=True)
class Sections:
    """The parts of the settings page that stand open for one device."""

    commands: bool
    streams: bool
    fetched: bool
    panel: bool

    def folds(self, name: str) -> bool:
        """Tell whether a field of the settings lies in the folded part."""
        shown = (
            PEOPLE
            + (COMMANDS if self.commands else ())
            + (STREAMS if self.streams else ())
            + (FETCHED if self.fetched else ())
        )
        return name not in shown


def may_stream(device: Device) -> bool:
    """Tell whether this kind of device sends a stream."""
    profile = PROFILES.get(device.profile)
    by_kind = profile is not None and ("tcp" in profile.speaks or "frame" in profile.channels)
    return by_kind or bool(device.frame_topic or device.pull_url)


def sections_of(device: Device) -> Sections:
    """Return which parts this device uses, by its profile and by what is filled in."""
    return Sections(
        commands=device.takes_commands,
        streams=may_stream(device),
        fetched=bool(device.pull_url) or device.profile == "generic",
        panel=device.profile == PANEL or device.takes_pictures,
    )


def uses_of(device: Device) -> list[str]:
    """Say in a sentence each how the device is connected."""
    found = [*_commands_of(device), *_pictures_of(device), *_shown_by(device)]
    if device.issued_name_upload:
        found.append(_("It may upload without a key, under the name of an open command."))
    if device.allowed_network:
        found.append(_("It may upload without a key from %(network)s.") % {"network": device.allowed_network})
    if device.firmware_over_mqtt:
        found.append(_("It gets firmware block by block over MQTT."))
    return found


def _commands_of(device: Device) -> list[str]:
    found = []
    if device.one_wake:
        found.append(_("The answers to its uploads carry orders, the time and how long to sleep."))
    if device.command_topic:
        found.append(_("It listens for commands on %(topic)s.") % {"topic": device.command_topic})
    if device.result_topic and device.result_publisher == Publisher.HUB:
        found.append(_("The hub publishes the picture's link on %(topic)s.") % {"topic": device.result_topic})
    elif device.result_topic:
        found.append(
            _("It publishes the picture's link itself, on %(topic)s.") % {"topic": device.result_topic}
        )
    return found


def _pictures_of(device: Device) -> list[str]:
    found = []
    if device.frame_topic:
        found.append(_("It sends frames over MQTT on %(topic)s.") % {"topic": device.frame_topic})
    if device.pull_url:
        found.append(_("The hub fetches its pictures from %(url)s.") % {"url": mask_secrets(device.pull_url)})
    elif device.profile != PANEL:
        found.append(_("It uploads pictures over HTTP with its key."))
    return found


def _shown_by(device: Device) -> list[str]:
    if device.takes_packets:
        topics = {"topic": device.picture_topic, "answers": device.picture_ack_topic}
        return [_("It gets pictures over MQTT on %(topic)s and answers on %(answers)s.") % topics]
    return [_("It fetches its pictures over HTTP and sleeps in between.")] if fetches(device) else []
