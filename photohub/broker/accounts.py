"""Who may use which topic of the embedded broker."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from devices.protocol.topics import filter_covers, matches, valid_filter


@dataclass(frozen=True)
class Account:
    """Who a connection belongs to, and which topics it may use (filters as MQTT 3.1.1 writes them).

    `subject` is whatever `revalidate` needs to know the login again, for instance which of two keys was used.
    It must be hashable, and two connections are asked about once only when it is equal. To the topics of `automatic`
    the broker subscribes every connection by itself.
    """

    username: str
    kind: Literal["device", "person", "program", "hub"]  # the hub itself is a client of outside brokers only
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    subject: tuple[Any, ...] = ()
    automatic: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConnectionInfo:
    """One line of the status page."""

    username: str
    kind: str
    client_id: str
    peer: str
    since: datetime
    packets_in: int
    packets_out: int
    denied: int


def may_publish(account: Account, topic: str) -> bool:
    """Tell whether the account may publish here; nobody may to the server's own topics, with `$` in front."""
    return not topic.startswith("$") and any(matches(allowed, topic) for allowed in account.publish)


def may_subscribe(account: Account, topic_filter: str) -> bool:
    """Tell whether every topic that the filter can match is one the account may read."""
    if not valid_filter(topic_filter) or topic_filter.startswith("$"):
        return False
    return any(filter_covers(allowed, topic_filter) for allowed in account.subscribe)
