"""Rows that an older hub wrote say what they said: in one language, and without what it was made of."""

import pytest
from django.utils.translation import override

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.events import heartbeats
from devices.events.models import Event, EventType, ServiceBeat
from devices.firmware.models import Firmware
from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery, PictureOrigin
from devices.panels.deliveries.wording import reason_of
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror.models import OSSObject
from media_pipeline.show_rules.models import ShowRun
from media_pipeline.time_lapses.models import TimeLapse
from tests.builders import make_device, make_jpeg

pytestmark = pytest.mark.django_db
OLD = "The disk was full (12 GB)."


def test_commands_and_deliveries():
    panel = make_device("hall", picture_topic="hall/picture", picture_ack_topic="hall/ack")
    commands.capture(panel)
    deliveries.deliver(panel, deliveries.Wish(PictureOrigin.UPLOAD, "a.jpg", make_jpeg()))
    Command.objects.update(reason=OLD)
    Delivery.objects.update(reason=OLD, reason_word="of_an_older_hub")
    for language in ("en", "zh-hans"):
        with override(language):
            assert Command.objects.get().reason_text == reason_of(Delivery.objects.get()) == OLD


def test_events_and_heartbeats():
    Event.objects.create(seq=1, type=EventType.NOTICE, sentence=OLD)
    heartbeats.note("worker", False)
    ServiceBeat.objects.update(sentence=OLD)
    assert Event.objects.get().text == ServiceBeat.objects.get().text == OLD


@pytest.mark.parametrize(
    "row",
    [
        OSSObject(error=OLD),
        Removal(error=OLD),
        TimeLapse(error=OLD),
        ShowRun(reason=OLD),
        Firmware(problem=OLD),
    ],
)
def test_copies_films_rules_and_images(row):
    assert OLD in (getattr(row, name, "") for name in ("error_text", "reason_text", "problem_text"))


def test_a_sentence_that_is_worded_otherwise_now_is_still_told_in_the_readers_language():
    said_then = {"text": "Camera heard nothing: offline since %(time)s UTC.", "values": {"time": "20:13"}}
    with override("zh-hans"):
        assert (
            Event(sentence="Camera heard nothing…", values=said_then).text == "相机未响应：20:13 UTC 起离线。"
        )
