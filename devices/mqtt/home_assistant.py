"""Home Assistant at the broker: its topics, its account, and whether owners let it in.

    homeassistant/device/photohub-<code>/config    what the device has: MQTT discovery; retained
    photohub-home/<code>/state                     what is known of it, one JSON object; retained
    photohub-home/<code>/picture                   the lasting link of its newest picture; retained
    photohub-home/<code>/preview                   that picture, small; not retained
    photohub-home/<code>/press                     from Home Assistant: take a picture
    homeassistant/status                           from Home Assistant: it is there, and wants to be told everything

The account reads the first five and publishes on the last two, and nothing else. Which devices are told of is the hub's
choice: so it sees those of the groups that owners chose.
"""

import hmac
import re
import secrets
from dataclasses import dataclass

from django.db import transaction

from devices.access.models import devices_in
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.hub_settings import choices
from devices.protocol.topics import DISCOVERY_ROOT, HOME_ROOT
from devices.registry import broker_accounts, broker_names
from devices.registry.models import Device, DeviceQuerySet
from photohub.lib.ids import hash_key
from photohub.lib.pages.sentences import Said, said

USERNAME = broker_names.PROGRAM_USERNAME
ROOT, DISCOVERY = HOME_ROOT, DISCOVERY_ROOT
STATUS_TOPIC = f"{DISCOVERY}/status"
PRESS_FILTER = f"{ROOT}/+/press"
CONFIG_FILTER = f"{DISCOVERY}/device/+/config"
READS = (f"{DISCOVERY}/#", f"{ROOT}/#")
PUBLISHES = (STATUS_TOPIC, PRESS_FILTER)
SETTING = "home_assistant"
_CONFIG = re.compile(rf"{DISCOVERY}/device/photohub-([a-z0-9-]+)/config")
_PRESS = re.compile(rf"{ROOT}/([a-z0-9-]+)/press")


@dataclass(frozen=True)
class Chosen:
    """What owners chose. `groups`: whose devices are told of; none: all. `is_known`: they chose once, whatever it was."""

    digest: str = ""
    groups: tuple[int, ...] = ()
    is_known: bool = False

    @property
    def is_on(self) -> bool:
        return bool(self.digest)


def read() -> Chosen:
    """Return what owners chose."""
    value = choices.read(SETTING)
    if not isinstance(value, dict):
        return Chosen()
    return Chosen(str(value.get("digest") or ""), tuple(value.get("groups") or ()), is_known=True)


def devices_of(chosen: Chosen) -> DeviceQuerySet:
    """Return the devices that Home Assistant is told of."""
    if not chosen.is_on:
        return Device.objects.none()
    return Device.objects.filter(pk__in=devices_in(chosen.groups)) if chosen.groups else Device.objects.all()


# --- the account ---


def let_in() -> str:
    """Let Home Assistant in with a new password, and return it: it is kept nowhere. An older one ends."""
    secret = secrets.token_urlsafe(24)
    with transaction.atomic():
        _write(Chosen(digest_of(secret), read().groups))
        broker_accounts.want_program(USERNAME, secret)
        _note(Word.ADDED, said("Home Assistant was let in."))
    return secret


def shut_out() -> None:
    """Let it in no more. Which groups were chosen stays known."""
    with transaction.atomic():
        _write(Chosen("", read().groups))
        broker_accounts.unwant_program(USERNAME)
        _note(Word.REVOKED, said("Home Assistant was shut out."))


def choose_groups(groups: list[int]) -> None:
    """Tell it of the devices of these groups; of none: of all."""
    with transaction.atomic():
        _write(Chosen(read().digest, tuple(sorted(groups))))
        _note(Word.CHANGED, said("Home Assistant is told of other groups."))


def _note(word: Word, sentence: Said) -> None:
    audit.note(word, Kind.HUB, SETTING, "Home Assistant", sentence)


def _write(chosen: Chosen) -> None:
    choices.write(SETTING, {"digest": chosen.digest, "groups": list(chosen.groups)})
    broker_accounts.tell_gateway()


def digest_of(password: str) -> str:
    """Return how a password is kept: it is as long as a key, so no slow hash has to protect it."""
    return hash_key(password)


def is_proved_by(digest: str) -> bool:
    """Tell whether this is the account's password, by its digest."""
    known = read().digest
    return bool(known) and hmac.compare_digest(known, digest)


# --- topics ---


def config_topic(code: str) -> str:
    return f"{DISCOVERY}/device/photohub-{code}/config"


def topic_of(code: str, what: str) -> str:
    return f"{ROOT}/{code}/{what}"


def code_in_config(topic: str) -> str:
    """Return of which device a discovery topic of ours is; empty for others."""
    found = _CONFIG.fullmatch(topic)
    return found[1] if found else ""


def code_in_press(topic: str) -> str:
    """Return on which device a button was pressed; empty for other topics."""
    found = _PRESS.fullmatch(topic)
    return found[1] if found else ""
