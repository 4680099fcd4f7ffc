"""Making channels: what one may be, and who may have which."""

import hashlib
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from devices.access.rights import is_owner
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from photohub.lib.network.web_address import read_web_address

from . import apprise_services, push, webhook
from .models import AlertChannel, ChannelKind

CHANNELS_AT_MOST = 30
ADDRESS_CHARS = 2000
_FAULTS = {
    "local": lambda: _("This service speaks to the hub's own machine, which alerts may not."),
    "argument": lambda: _("Leave out options that name files or waiting times."),
    "owners": lambda: _("Only owners can use this service, because its server is chosen in the address."),
    "unknown": lambda: _("Apprise cannot read this address. Check it against Apprise's documentation."),
}


def add_service(user, name: str, address: str, service: str, language: str, *, for_hub: bool) -> AlertChannel:
    """Make a channel of an address that Apprise reads. Raises ValidationError by field, in sentences."""
    address = address.strip()
    if fault := apprise_services.fault_of(address, is_owner(user)):
        raise ValidationError({"address": _FAULTS[fault]()})
    label, shown = apprise_services.shown_of(address)
    channel = _new(user, ChannelKind.SERVICE, name or label, language, for_hub)
    channel.service, channel.shown = service, f"{label} · {shown}"[:120]
    channel.seal(address)
    return _store(channel, Word.ADDED)


def add_webhook(
    user, name: str, address: str, language: str, *, for_hub: bool, secret: str = ""
) -> AlertChannel:
    """Make a channel that sends signed JSON; its secret is a new one unless a good one is given."""
    try:
        host = urlsplit(read_web_address(address.strip())).hostname or ""
    except ValueError as error:
        raise ValidationError(
            {"address": _("The address must begin with http:// or https:// and name a host.")}
        ) from error
    if not address.strip().isascii():
        raise ValidationError({"address": _("The address may contain ASCII characters only.")})
    if "@" in urlsplit(address).netloc:
        raise ValidationError({"address": _("A user name or password has no place in this address.")})
    if secret and not webhook.is_secret(secret):
        raise ValidationError({"secret": _("The secret is whsec_ and 24 to 64 bytes in Base64.")})
    channel = _new(user, ChannelKind.WEBHOOK, name or host, language, for_hub)
    channel.shown = host[:120]
    channel.seal(address.strip(), secret or webhook.new_secret())
    return _store(channel, Word.ADDED)


def add_browser(user, name: str, subscription: str, language: str) -> AlertChannel:
    """Make a channel of what a browser handed out; one that hands out the same again is the same channel."""
    given = push.read_subscription(subscription)
    if given is None or len(subscription) > ADDRESS_CHARS:
        raise ValidationError(_("The browser handed out no address. Try again."))
    digest = hash_of(given["endpoint"])
    known = AlertChannel.objects.filter(user=user, address_sha256=digest).first()
    channel = known or _new(user, ChannelKind.PUSH, name, language, for_hub=False)
    channel.address_sha256, channel.enabled, channel.language = digest, True, language
    channel.shown = (urlsplit(given["endpoint"]).hostname or "")[:120]
    channel.seal(json.dumps(given))
    return _store(channel, Word.CHANGED if known else Word.ADDED)


def change_channel(channel: AlertChannel, values: Mapping[str, object]) -> None:
    """Give a channel another name or language, or turn it on or off."""
    for name, value in values.items():
        setattr(channel, name, value)
    _store(channel, Word.CHANGED, list(values))


def delete_channel(channel: AlertChannel) -> None:
    """Delete a channel, with what still waits for it."""
    with transaction.atomic():
        note(Word.DELETED, channel)
        channel.delete()


def note(word: Word, channel: AlertChannel) -> None:
    """Write down what somebody did with a channel, with as much of its address as people may read."""
    audit.note(word, Kind.CHANNEL, channel.pk, channel.name, channel.shown)


def _store(channel: AlertChannel, word: Word, fields: list[str] | None = None) -> AlertChannel:
    with transaction.atomic():
        channel.save(update_fields=fields)
        note(word, channel)
    return channel


def _new(user, kind: ChannelKind, name: str, language: str, for_hub: bool) -> AlertChannel:
    owner = None if for_hub else user
    if for_hub and not is_owner(user):
        raise ValidationError(_("Only owners look after the hub's channels."))
    if AlertChannel.objects.filter(user=owner).count() >= CHANNELS_AT_MOST:
        raise ValidationError(_("There are already %(count)s channels.") % {"count": CHANNELS_AT_MOST})
    name = name.strip()[:80]
    if not name or not name.isprintable():
        raise ValidationError({"name": _("Give the channel a name.")})
    return AlertChannel(user=owner, kind=kind, name=name, language=language)


def hash_of(address: str) -> str:
    """Return what a browser's address is known by."""
    return hashlib.sha256(address.encode()).hexdigest()
