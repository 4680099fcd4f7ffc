"""Sessions, subscriptions and the way of a message: what the embedded broker does without any socket."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from devices.protocol.mqtt.subscriptions import SubscriptionTable
from devices.protocol.topics import filter_covers, matches
from photohub.broker.accounts import Account
from photohub.embedded.hub_link import HubEndpoint
from photohub.embedded.receipts import Outcome, Receipt

SESSION_KEEP_S = 24 * 3600
UNRELEASED_AT_MOST = 1000
RETAINED_AT_MOST, RETAINED_AT_MOST_BYTES = 20_000, 16 * 2**20


class Listener(Protocol):
    """The open connection of a session."""

    def deliver(self, topic: str, payload: bytes, qos: int, *, retained: bool = False) -> None:
        """Send a message, without waiting."""


@dataclass(eq=False)
class Session:
    """What outlives a connection: subscriptions, and the QoS 2 publishes that the client has not released.

    Messages are not kept for who is away: a command that reaches a device late is worse than none, and the hub sends
    it again when the device listens.
    """

    key: str
    account: Account
    clean: bool
    filters: dict[str, int] = field(default_factory=dict)
    unreleased: OrderedDict[int, tuple[int, Receipt]] = field(default_factory=OrderedDict)
    listener: Listener | None = None
    left_at: float | None = None

    def held(self, packet_id: int, digest: int) -> Receipt | None:
        """Return the receipt of the same QoS 2 publish, when it was taken and is not released.

        Other bytes under its id are another message: a board that forgot what it sent begins with its first id again.
        """
        known_digest, receipt = self.unreleased.get(packet_id, (0, None))
        return receipt if known_digest == digest and receipt is not None and receipt.is_good else None

    def hold(self, packet_id: int, digest: int, receipt: Receipt) -> None:
        """Note a QoS 2 publish until it is released."""
        self.unreleased[packet_id] = (digest, receipt)
        if len(self.unreleased) > UNRELEASED_AT_MOST:
            self.unreleased.popitem(last=False)


class Core:
    """Knows all sessions and who listens to what. It trusts whoever calls: rights are judged before."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.subscriptions: SubscriptionTable[Session] = SubscriptionTable()
        self.hub = HubEndpoint(self.publish_to_clients, self.retain)
        # The last message of each topic whose words the hub wants to be heard by who comes later, the oldest first.
        self._retained: OrderedDict[str, bytes] = OrderedDict()
        self._retained_bytes = 0

    def open(self, key: str, account: Account, clean: bool) -> tuple[Session, bool]:
        """Return the client's session and whether it was there before.

        A kept session loses the subscriptions that its account may no longer read.
        """
        kept = self.sessions.get(key)
        if kept is not None and clean:
            self.drop(key)
        present = kept is not None and not clean
        session = self.sessions.setdefault(key, Session(key, account, clean))
        session.account, session.clean, session.left_at = account, clean, None
        for topic_filter in list(session.filters):
            if not any(filter_covers(right, topic_filter) for right in account.subscribe):
                self.unsubscribe(session, topic_filter)
        return session, present

    def leave(self, session: Session) -> None:
        """Note the end of the session's connection, with which a clean session ends too."""
        session.listener, session.left_at = None, time.monotonic()
        if session.clean:
            self.drop(session.key)

    def drop(self, key: str) -> None:
        """Forget a session."""
        session = self.sessions.pop(key)
        for topic_filter in list(session.filters):
            self.unsubscribe(session, topic_filter)

    def offline_sessions(self, username: str) -> list[str]:
        """Return the account's sessions without a connection, the longest abandoned first."""
        left = [s for s in self.sessions.values() if s.account.username == username and s.left_at is not None]
        return [session.key for session in sorted(left, key=lambda session: session.left_at or 0.0)]

    def sweep(self) -> None:
        """Forget sessions nobody came back to for a day."""
        long_ago = time.monotonic() - SESSION_KEEP_S
        for session in list(self.sessions.values()):
            if session.left_at is not None and session.left_at <= long_ago:
                self.drop(session.key)

    def subscribe(self, session: Session, topic_filter: str, qos: int) -> None:
        """Subscribe, or change the QoS of a subscription."""
        session.filters[topic_filter] = qos
        self.subscriptions.add(topic_filter, session, qos)
        if session.listener is not None:
            for topic, payload in self._retained.items():
                if matches(topic_filter, topic):
                    # At QoS 0: it comes again with the next subscription, and many at once would fill who acknowledges.
                    session.listener.deliver(topic, payload, 0, retained=True)

    def unsubscribe(self, session: Session, topic_filter: str) -> None:
        """End a subscription, if there is one."""
        if session.filters.pop(topic_filter, None) is not None:
            self.subscriptions.remove(topic_filter, session)

    def publish(self, topic: str, payload: bytes, qos: int, *, repeated: bool = False) -> Receipt:
        """Hand a client's message to all who listen; the receipt says what became of it at the hub.

        What the hub does not listen to is settled at once. `repeated`: the client says that it sent it before.
        """
        self.publish_to_clients(topic, payload, qos)
        if self.hub.listens(topic):
            return self.hub.take(topic, payload, repeated=repeated)
        return Receipt(Outcome.KEPT)

    def retain(self, topic: str, payload: bytes) -> None:
        """Keep a message of the hub's for whoever subscribes later, in place of the topic's last one; an empty one ends it.

        What clients publish is kept nowhere, and of the hub's the oldest goes when there is too much.
        """
        self._retained_bytes -= len(self._retained.pop(topic, b""))
        if payload:
            self._retained[topic] = payload
            self._retained_bytes += len(payload)
        while self._retained_bytes > RETAINED_AT_MOST_BYTES or len(self._retained) > RETAINED_AT_MOST:
            _topic, dropped = self._retained.popitem(last=False)
            self._retained_bytes -= len(dropped)

    def is_heard(self, topic: str) -> bool:
        """Tell whether a client listens to this topic now. From any thread: where the table changes just then, yes."""
        try:
            return any(session.listener is not None for session in self.subscriptions.find(topic))
        except RuntimeError:
            return True

    def publish_to_clients(self, topic: str, payload: bytes, qos: int) -> None:
        """Hand a message to all connected clients who listen, each once, at the lower of both QoS."""
        for session, wanted_qos in self.subscriptions.find(topic).items():
            if session.listener is not None:
                session.listener.deliver(topic, payload, min(qos, wanted_qos))
