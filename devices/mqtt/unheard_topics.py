"""Topics that the broker does not let the hub listen to: said on the pages of the devices there, else on the status page."""

from collections.abc import Callable

from django.db.models import Q

from devices.events import heartbeats, troubles
from devices.events import record as events
from devices.events.models import EventType, ServiceBeat, Trouble
from devices.registry.models import Device
from photohub.lib.pages.sentences import Said, said

from . import addressing

HEARTBEAT = "unheard topics"
WORD = "topic_unheard"
_NAMED_AT_MOST = 5


def note(filters: set[str], holds: Callable[[str], bool] = lambda _code: True) -> None:
    """Write down what is not heard now; what was not heard before and is no more in it is over.

    Of devices that another gateway holds, that one knows.
    """
    own, topics = set(), {topic_filter.removesuffix("/+") for topic_filter in filters}
    for device in Device.objects.filter(_has_one(topics)) if topics else ():
        topic = next(t for column in addressing.COLUMNS if (t := getattr(device, column)) in topics)
        troubles.note(device, WORD, topic=topic)
        own.add(device.pk)
    for trouble in (
        Trouble.objects.filter(word=WORD, over_at=None).exclude(device__in=own).select_related("device")
    ):
        if holds(trouble.device.code):
            troubles.over(trouble.device, WORD)
    shared = sorted(filters - _own_topics(filters))
    _note_shared(shared)


def _has_one(topics: set[str]) -> Q:
    found = Q()
    for column in addressing.COLUMNS:
        found |= Q(**{f"{column}__in": topics})
    return found


def _own_topics(filters: set[str]) -> set[str]:
    """Return those that belong to one device, pieces of its frames included."""
    return {each for each in filters if addressing.own_topics({each.removesuffix("/+")})}


def _note_shared(topics: list[str]) -> None:
    if not topics and not ServiceBeat.objects.filter(pk=HEARTBEAT).exists():
        return
    sentence: str | Said = ""
    if topics:
        sentence = said(
            (
                "The broker does not allow the hub to subscribe to %(topics)s, so devices using them are "
                "not heard."
            ),
            topics=", ".join(topics[:_NAMED_AT_MOST]),
        )
    if heartbeats.note(HEARTBEAT, not topics, sentence):
        told = sentence or said("The broker allows the hub to subscribe to all topics again.")
        events.record(EventType.NOTICE, told, problem=bool(topics))
