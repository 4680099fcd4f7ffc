"""A topic that the broker keeps from the hub stands on its device's page, or on the status page."""

import pytest

from devices.events.models import Event, ServiceBeat, Trouble
from devices.mqtt import unheard_topics
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def _open() -> list[str]:
    return [row.device.code for row in Trouble.objects.open().filter(word=unheard_topics.WORD)]


@pytest.mark.parametrize("topic", ["garden/frames", "garden/frames/+"])
def test_a_devices_own_topic_is_said_on_its_page_until_it_is_heard(topic):
    make_device("porch")
    make_device("garden", frame_topic="garden/frames")
    unheard_topics.note({topic})
    assert _open() == ["garden"] and not ServiceBeat.objects.filter(pk=unheard_topics.HEARTBEAT).exists()
    unheard_topics.note(set())
    assert _open() == []


def test_a_topic_of_all_devices_is_said_on_the_status_page_once():
    for _ in range(3):
        unheard_topics.note({"photohub/+/status"})
    heartbeat = ServiceBeat.objects.get(pk=unheard_topics.HEARTBEAT)
    assert not heartbeat.ok and "photohub/+/status" in heartbeat.text and Event.objects.count() == 1
    unheard_topics.note(set())
    heartbeat.refresh_from_db()
    assert heartbeat.ok and Event.objects.count() == 2


def test_nothing_is_written_where_all_is_heard():
    unheard_topics.note(set())
    assert not ServiceBeat.objects.exists() and not Event.objects.exists()
