"""What becomes of messages, on the pages of the devices that sent them."""

from django.conf import settings
from django.db import connection

from devices.events import troubles
from devices.events.models import Trouble
from devices.mqtt import addressing
from devices.mqtt.addressing import Sender
from media_pipeline.intake.refusal_notes import ACKNOWLEDGED, NOT_ACKNOWLEDGED
from media_pipeline.picture_files.refusals import Refused

# What a message that is handled shows to be over: faults, what the hub could not do for a picture, and haste.
ENDED = ("message_failed", "message_dropped", "picture_busy", "picture_db", "picture_disk_full")


def find_failed() -> list[tuple[int, str]]:
    """Return the devices whose messages could not be handled, each with the channel of the last one."""
    rows = (
        Trouble.objects.open()
        .filter(word__in=("message_failed", "message_dropped"))
        .values_list("device", "values")
    )
    return [(pk, str(values.get("channel"))) for pk, values in rows]


def note_dropped(topics: set[str]) -> list[tuple[int, str]]:
    """Note on the pages of the senders that they send more than is handled; return these with their channels."""
    senders = [sender for topic in topics if (sender := addressing.find_sender(topic)) is not None]
    for sender in senders:
        troubles.note(sender.device, "message_dropped", channel=sender.channel)
    return [(sender.device.pk, sender.channel) for sender in senders]


def note_trouble(sender: Sender, cause: BaseException) -> None:
    """Note why a message of this sender was not handled."""
    if isinstance(cause, Refused):
        again = ACKNOWLEDGED if settings.MQTT_URL else NOT_ACKNOWLEDGED
        values = {"again": again} if cause.word in ("busy", "db") else {}
        troubles.note(sender.device, f"picture_{cause.word}", **values)
    else:
        troubles.note(sender.device, "message_failed", channel=sender.channel, detail=type(cause).__name__)


def ask_database() -> None:
    """Return when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
