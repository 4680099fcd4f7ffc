import base64
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.commands import queue as commands
from devices.events.models import Trouble
from devices.protocol import light
from media_pipeline.captures import finding
from media_pipeline.captures.models import Capture, Step
from media_pipeline.links import publish
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


def test_the_hub_publishes_the_link_in_base64():
    capture = make_capture(make_device("porch"))
    (claimed,) = publish.claim_to_publish()
    topic, payload = publish.message_of(claimed)
    assert topic == "photohub/porch/result"
    assert base64.b64decode(json.loads(payload)["url"]).decode().endswith(f"/p/{capture.code}")


def test_two_gateways_never_claim_the_same_picture():
    make_capture(make_device())
    assert [len(publish.claim_to_publish()), len(publish.claim_to_publish())] == [1, 0]


def test_a_device_that_publishes_itself_is_not_doubled():
    capture = make_capture(make_device("cam", profile="esp32s3"))
    assert publish.claim_to_publish() == [] and capture.publish_state == Step.NONE


@pytest.fixture
def _nobody_listens():
    publish.ask_broker(lambda topic: topic.endswith("barn/result"))
    yield
    publish.ask_broker(None)


@pytest.mark.usefixtures("_nobody_listens")
def test_a_link_is_published_where_somebody_listens():
    quiet, heard = make_capture(make_device("porch")), make_capture(make_device("barn"))
    assert [quiet.publish_state, heard.publish_state] == [Step.NONE, Step.PENDING]
    assert [claimed.pk for claimed in publish.claim_to_publish()] == [heard.pk]


@pytest.mark.usefixtures("_nobody_listens")
def test_a_link_that_was_asked_for_is_published_though_nobody_listens_yet():
    device = make_device("porch")
    command = commands.capture(device)
    assert make_capture(device, name=command.name).publish_state == Step.PENDING


def test_every_link_is_published_where_nobody_can_say_who_listens():
    assert make_capture(make_device("porch")).publish_state == Step.PENDING


def test_what_the_device_published_is_noted_on_its_capture():
    device = make_device("cam", profile="esp32s3")
    capture = make_capture(device)
    answer = light.encode_ok(url=finding.link_of(capture), id=str(capture.pk))
    publish.hear_result(device, light.decode_result(answer))
    capture.refresh_from_db()
    assert capture.published_at and capture.publish_state == Step.DONE


def test_a_link_to_another_devices_picture_is_ignored():
    capture = make_capture(make_device("porch", result_topic=""))
    other = make_device("barn")
    answer = light.encode_ok(url=finding.link_of(capture), id=str(capture.pk))
    publish.hear_result(other, light.decode_result(answer))
    capture.refresh_from_db()
    assert capture.published_at is None


def test_the_first_time_counts():
    capture = make_capture(make_device())
    publish.note_published(capture)
    first = Capture.objects.get().published_at
    publish.note_published(capture)
    assert Capture.objects.get().published_at == first


def test_a_topic_that_is_none_is_told_on_the_devices_page_until_a_link_is_published():
    capture = make_capture(make_device("porch"))
    publish.give_up([capture])
    assert Trouble.objects.open().get().values == {"topic": "photohub/porch/result"}
    publish.note_published(capture)
    assert not Trouble.objects.open().exists()


def test_after_an_hour_nobody_waits_any_more():
    capture = make_capture(make_device())
    Capture.objects.filter(pk=capture.pk).update(received_at=timezone.now() - timedelta(hours=2))
    assert publish.give_up_old() == 1
    capture.refresh_from_db()
    assert capture.publish_state == Step.FAILED


def test_a_gateway_publishes_links_of_its_own_devices_behind_however_many_of_others():
    for number in range(5):
        make_capture(make_device(f"other-{number}"))
    ours = make_capture(make_device("ours"))
    assert publish.claim_to_publish(1, {"ours"}.__contains__) == [ours]
    assert len(publish.claim_to_publish(holds=lambda code: code != "ours")) == 5
