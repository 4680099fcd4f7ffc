"""Whether a wrong setting keeps the mirror from taking any picture: one row says so of all that wait.

Each of a hundred thousand copies would else have to be marked, and woken, in a statement that holds up every upload.
"""

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from photohub.lib.pages.sentences import Said

HEARTBEAT = "mirror.gate"


def is_shut() -> bool:
    """Tell whether only probes are sent, until one of them is taken."""
    return ServiceBeat.objects.filter(pk=HEARTBEAT, ok=False).exists()


def reason() -> str:
    """Return why it is shut, in the language that is active; nothing while it is open."""
    row = ServiceBeat.objects.filter(pk=HEARTBEAT, ok=False).first()
    return row.text if row else ""


def shut(why: str | Said) -> None:
    """No picture can be copied until a person has changed a setting."""
    if not is_shut():
        heartbeats.note(HEARTBEAT, False, why)


def unlock() -> None:
    """The setting is mended, or a probe was taken."""
    if is_shut():
        heartbeats.note(HEARTBEAT, True)
