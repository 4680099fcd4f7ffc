"""Connections that are turned away because too many are open, or cut off because they send too much.

What is crowded is said on the status page while it lasts; what was cut off is an event.
"""

from django.utils.translation import gettext_noop as _

from photohub.lib.pages.sentences import Said, said

from . import heartbeats
from . import record as events
from .models import EventType, ServiceBeat

STREAMS = "streams"
MQTT = "mqtt connections"
# So long nobody has to be turned away until it is over.
CALM_S = 60

_SENTENCES = {
    STREAMS: (
        _("Streams are refused, because too many connections are open (at most %(limit)s)."),
        _("Streams are accepted again."),
    ),
    MQTT: (
        _("MQTT connections are refused, because too many are open (at most %(limit)s)."),
        _("MQTT connections are accepted again."),
    ),
}


# By the words of `photohub.lib.http.socket_guard`.
_CUT_OFF = {
    "large": _(
        "A WebSocket to %(path)s was closed: its message was too large. Closed for this reason lately: %(count)s."
    ),
    "pieces": _(
        "A WebSocket to %(path)s was closed: its message came in too many pieces. Closed for this reason "
        "lately: %(count)s."
    ),
    "together": _(
        "A WebSocket to %(path)s was closed: too many large messages arrived at once. Closed for this reason "
        "lately: %(count)s."
    ),
}
_PATH_SHOWN = 100


def note_cut_off(why: str, path: str, count: int) -> None:
    """Tell people that WebSockets were cut off; `count` of them since it was told last."""
    told = said(_CUT_OFF[why], path=path[:_PATH_SHOWN], count=count)
    events.record(EventType.NOTICE, told, problem=True)


def note(name: str, turned_away: int, limit: int) -> bool:
    """Note how many were turned away lately, and tell people when that begins and ends.

    Returns whether it is to be looked at again though nobody is turned away: that it is over is not told yet.
    """
    known = ServiceBeat.objects.filter(pk=name).first()
    if not turned_away:
        if known is None or known.ok:
            return False
        if not heartbeats.is_stale(known, CALM_S):
            return True
    crowded, over = _SENTENCES[name]
    told = said(crowded, limit=limit) if turned_away else said(over)
    if heartbeats.note_if_news(name, not turned_away, told if turned_away else "", known):
        events.record(EventType.NOTICE, told, problem=bool(turned_away))
    return bool(turned_away)


def found() -> tuple[ServiceBeat, Said] | None:
    """Return what is crowded now, if anything is, and what can be done about it."""
    for row in ServiceBeat.objects.filter(pk__in=_SENTENCES, ok=False).order_by("pk"):
        if not heartbeats.is_stale(row, CALM_S):
            return row, said("Close connections that are not needed, or find out who opens so many.")
    return None
