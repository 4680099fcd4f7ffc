"""Whether a wrong setting keeps the mirror from taking any picture: one row says so of all that wait.

Each of a hundred thousand copies would else have to be marked, and woken, in a statement that holds up every upload.
Each machine has settings of its own, and so a row.
"""

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from media_pipeline.nodes import here, known
from photohub.lib.pages.sentences import Said

HEARTBEAT = "mirror.gate"


def is_shut() -> bool:
    """Tell whether only probes are sent, until one of them is taken."""
    return ServiceBeat.objects.filter(pk=here.named(HEARTBEAT), ok=False).exists()


def reason() -> str:
    """Return why it is shut here or on another machine, in the language that is active; nothing while it is open."""
    row = ServiceBeat.objects.filter(pk__in=known.names(HEARTBEAT), ok=False).first()
    return row.text if row else ""


def shut(why: str | Said) -> None:
    """No picture can be copied until a person has changed a setting."""
    if not is_shut():
        heartbeats.note(here.named(HEARTBEAT), False, why)


def unlock() -> None:
    """This machine's setting is mended, or a probe of its was taken."""
    if is_shut():
        heartbeats.note(here.named(HEARTBEAT), True)


def unlock_all() -> None:
    """A person says that the setting is mended."""
    for row in ServiceBeat.objects.filter(pk__in=known.names(HEARTBEAT), ok=False):
        heartbeats.note(row.name, True)
