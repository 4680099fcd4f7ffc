"""Sending one letter by one channel, whatever kind it is. Asks no queue, and touches no row."""

from collections.abc import Callable
from dataclasses import dataclass

from devices.access.rights import is_owner
from photohub.lib.network.address_rules import is_public, is_safe
from photohub.lib.pages.sentences import said

from . import apprise_services, push, webhook
from .letter import Letter, NotSent
from .models import AlertChannel, ChannelKind


@dataclass(frozen=True)
class Way:
    """What is needed of a channel to send by it, read from its row before a thread without a database does it."""

    kind: str
    address: str
    secret: str
    allow: Callable[[str], bool]

    def send(self, letter: Letter) -> str:
        """Return what the other side answered, in words. Raises NotSent."""
        if self.kind == ChannelKind.WEBHOOK:
            return webhook.send(self.address, self.secret, letter, self.allow)
        if self.kind == ChannelKind.PUSH:
            return push.send(self.address, self.secret, letter, self.allow)
        return apprise_services.send(self.address, letter, self.allow)


def way_of(channel: AlertChannel) -> Way:
    """Return how to send by this channel. Raises NotSent where its secrets cannot be read."""
    address, secret = channel.address, channel.secret
    if address is None or (channel.secret_encrypted and secret is None):
        sentence = said("Its address was encrypted under another PHOTOHUB_SECRET_KEY. Enter it anew.")
        raise NotSent(sentence, permanent=True)
    if channel.kind == ChannelKind.PUSH:
        # Browsers know one key of the hub, whichever channel it is.
        secret = push.own_key()
    # What an owner names may be in the house, as a camera's address may.
    allow = is_safe if channel.user is None or is_owner(channel.user) else is_public
    return Way(channel.kind, address, secret or "", allow)
