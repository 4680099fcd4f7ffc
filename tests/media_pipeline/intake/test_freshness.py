"""What a picture is worth as an answer, and the second try of a camera that sends the same again."""

import pytest

from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.events.models import Event
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import ingest
from tests.builders import make_device, make_jpeg, make_upload, make_user

pytestmark = pytest.mark.django_db


def camera() -> Device:
    return make_device("porch", profile="esp32s3")


def send(device: Device, data: bytes, name: str) -> Capture:
    return Capture.objects.get(pk=ingest(make_upload(device, data, name=name)).id)


def answer(device: Device, data: bytes, command: Command | None = None) -> Capture:
    """Have the camera answer an order with these bytes."""
    command = command or commands.capture(device)
    return send(device, data, command.name)


def open_commands() -> list[Command]:
    return list(Command.objects.filter(state__in=Command.OPEN))


def test_another_picture_is_a_fresh_answer_and_one_by_itself_is_none():
    device = camera()
    first = send(device, make_jpeg(text="1"), "by-itself")
    assert first.freshness is None
    assert answer(device, make_jpeg(text="2")).freshness == "fresh"
    assert open_commands() == []


def test_the_same_bytes_are_said_to_be_so_and_asked_for_once_more():
    device, ada = camera(), make_user("ada", "owner")
    answer(device, make_jpeg())
    asked = commands.capture(device, user=ada, name="gate")
    assert answer(device, make_jpeg(), asked).freshness == "same"
    (again,) = open_commands()
    assert (again.again_of, again.asked_by, again.state) == (asked, ada, CommandState.QUEUED)
    assert again.name.startswith("gate-") and again.name != asked.name
    assert Event.objects.get(subject=again.pk).sentence.startswith("The camera sent the same bytes")


def test_there_is_no_third_try():
    device = camera()
    answer(device, make_jpeg())
    answer(device, make_jpeg())
    (again,) = open_commands()
    assert answer(device, make_jpeg(), again).freshness == "same"
    assert open_commands() == []


def test_a_second_try_that_brings_another_picture_ends_well():
    device = camera()
    answer(device, make_jpeg())
    answer(device, make_jpeg())
    (again,) = open_commands()
    assert answer(device, make_jpeg(text="new"), again).freshness == "fresh"


def test_the_bytes_of_the_last_answer_count_though_others_came_by_themselves():
    device = camera()
    answer(device, make_jpeg())
    send(device, make_jpeg(text="other"), "by-itself")
    assert answer(device, make_jpeg()).freshness == "same"


def test_the_last_answer_counts_when_its_picture_was_deleted():
    device = camera()
    answer(device, make_jpeg()).delete()
    assert answer(device, make_jpeg()).freshness == "same"


def test_another_size_than_before_is_unlike_the_order():
    device = camera()
    answer(device, make_jpeg(64, 48))
    small = answer(device, make_jpeg(32, 24))
    assert (small.freshness, small.freshness_values) == ("unlike", {"width": 64, "height": 48})
    assert open_commands() == [] and answer(device, make_jpeg(32, 24, text="new")).freshness == "fresh"


def test_a_camera_that_takes_no_commands_any_more_is_not_asked_again():
    device = camera()
    answer(device, make_jpeg())
    asked = commands.capture(device)
    Device.objects.filter(pk=device.pk).update(command_topic="")
    answer(Device.objects.get(pk=device.pk), make_jpeg(), asked)
    assert open_commands() == []


def test_the_same_bytes_of_another_camera_are_fresh():
    answer(camera(), make_jpeg())
    assert answer(make_device("barn", profile="esp32s3"), make_jpeg()).freshness == "fresh"
