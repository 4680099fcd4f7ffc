"""What the gateway says of itself on the status page: its heartbeats, and whether messages are stuck."""

import asyncio
import logging

from devices.camera_settings import saying
from devices.commands.models import Command
from devices.events import heartbeats
from devices.events import record as events
from devices.events.models import EventType
from devices.firmware.rollouts.models import Rollout
from media_pipeline.captures.models import Capture
from photohub.broker import log as broker_log
from photohub.lib.database.db import in_thread
from photohub.lib.pages.sentences import Said

log = logging.getLogger(__name__)

LOG_HEARTBEAT = "broker log"
STUCK_HEARTBEAT = "messages"
_HEARTBEAT_EVERY_S = 10.0


async def send_heartbeats(log_heartbeat: str) -> None:
    while True:
        try:
            await in_thread(note_broker, True, "")
            if log_heartbeat:
                await in_thread(heartbeats.note, log_heartbeat, True)
        except Exception as error:
            log.warning("The gateway's heartbeat could not be written down (%s).", type(error).__name__)
        await asyncio.sleep(_HEARTBEAT_EVERY_S)


def heard_lately() -> bool:
    """Tell whether a gateway listened so lately that the broker still has every line of its log since."""
    heartbeat = heartbeats.read(LOG_HEARTBEAT, stale_after_s=broker_log.KEPT_S)
    return heartbeat is not None and heartbeat.ok


def note_broker(ok: bool, sentence: str | Said) -> None:
    if heartbeats.beat(heartbeats.BROKER, ok, sentence):
        # The event's own words say that it is away.
        values = {"detail": sentence.values["why"]} if isinstance(sentence, Said) else {}
        events.record_word(
            EventType.NOTICE, "broker_connected" if ok else "broker_away", problem=not ok, **values
        )


def note_stuck(stuck: bool) -> None:
    """Write down whether messages of devices are stuck, for the status page, and tell people when that changes."""
    known = heartbeats.read(STUCK_HEARTBEAT)
    if heartbeats.note(STUCK_HEARTBEAT, not stuck) and (stuck or known is not None):
        tell_stuck(stuck)


def tell_stuck(stuck: bool) -> None:
    """Tell people that messages are stuck in this gateway, or are handled again."""
    events.record_word(
        EventType.NOTICE, "messages_stuck" if stuck else "messages_handled_again", problem=stuck
    )


def something_waits() -> bool:
    """Tell whether time alone may make something due: an order, an update, a link that is to be published again."""
    rows = (Command.objects.not_ended(), Rollout.objects.running(), Capture.objects.to_publish())
    return any(each.exists() for each in rows) or saying.something_waits()
