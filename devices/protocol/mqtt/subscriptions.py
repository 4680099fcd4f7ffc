"""Who listens to a topic: filters and subscribers, for tables of thousands.

A filter is found by what stands in front of its first wildcard, so that the filters of other devices cost nothing:

    photohub/gate/command            itself
    photohub/gate/file/+/response    below "photohub/gate/file/"
    photohub/#                       below "photohub/"
"""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from devices.protocol.topics import matches

Subscriber = TypeVar("Subscriber", bound=Hashable)


class SubscriptionTable(Generic[Subscriber]):
    """Subscriptions of any number of subscribers, each to any number of filters."""

    def __init__(self) -> None:
        self._below: dict[str, dict[str, dict[Subscriber, int]]] = {}

    def add(self, topic_filter: str, subscriber: Subscriber, qos: int) -> None:
        """Subscribe, or change the QoS of a subscription."""
        filters = self._below.setdefault(_fixed_part(topic_filter), {})
        filters.setdefault(topic_filter, {})[subscriber] = qos

    def remove(self, topic_filter: str, subscriber: Subscriber) -> None:
        """Unsubscribe; a filter that nobody uses any more is forgotten."""
        fixed = _fixed_part(topic_filter)
        filters = self._below.get(fixed, {})
        members = filters.get(topic_filter, {})
        members.pop(subscriber, None)
        if not members:
            filters.pop(topic_filter, None)
        if not filters:
            self._below.pop(fixed, None)

    def find(self, topic: str) -> dict[Subscriber, int]:
        """Return who listens to the topic, each once, with the best QoS of the filters that match."""
        found: dict[Subscriber, int] = {}
        for fixed in _fixed_parts(topic):
            for topic_filter, members in self._below.get(fixed, {}).items():
                if matches(topic_filter, topic):
                    for subscriber, qos in members.items():
                        found[subscriber] = max(qos, found.get(subscriber, 0))
        return found

    def __len__(self) -> int:
        return sum(len(filters) for filters in self._below.values())


def _fixed_part(topic_filter: str) -> str:
    """Return the filter itself, or with its last slash what stands in front of the first wildcard."""
    levels = topic_filter.split("/")
    for index, level in enumerate(levels):
        if level in ("+", "#"):
            return "".join(f"{fixed}/" for fixed in levels[:index])
    return topic_filter


def _fixed_parts(topic: str) -> Iterator[str]:
    """Yield every fixed part that a matching filter can have: `a/#` matches `a` too."""
    yield ""
    yield topic
    below = ""
    for level in topic.split("/"):
        below += f"{level}/"
        if below != topic:
            yield below
