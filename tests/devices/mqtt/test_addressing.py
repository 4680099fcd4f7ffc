import pytest

from devices.mqtt import addressing
from devices.protocol import topics
from devices.registry.camera_profiles import PROFILES
from devices.registry.models import Device
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def test_a_native_topic_names_its_device_and_channel():
    device = make_device("porch")
    sender = addressing.find_sender("photohub/porch/status")
    assert (sender.device, sender.channel) == (device, "status")


def test_a_fixed_topic_names_the_one_device_that_holds_it():
    device = make_device("cam", profile="esp32s3")
    sender = addressing.find_sender("/light/deviceOut")
    assert (sender.device, sender.channel) == (device, "result")


def test_a_device_with_another_topic_is_not_heard_on_the_native_one():
    make_device("cam", profile="esp32s3")
    assert addressing.find_sender("photohub/cam/result") is None


@pytest.mark.parametrize(
    "topic", ["photohub/nobody/status", "photohub/porch/nonsense", "elsewhere", "$SYS/x"]
)
def test_foreign_topics_have_no_sender(topic):
    make_device("porch")
    assert addressing.find_sender(topic) is None


def test_a_device_that_is_switched_off_is_not_heard():
    make_device("porch")
    Device.objects.update(enabled=False)
    assert addressing.find_sender("photohub/porch/status") is None


def test_the_hub_listens_to_native_and_fixed_topics():
    make_device("cam", profile="esp32s3")
    filters = addressing.hub_filters()
    assert {"photohub/+/result", "photohub/+/status", "/light/deviceOut"} <= set(filters)
    assert not any("command" in f for f in filters)


def test_a_device_may_publish_and_hear_its_own_topics_only():
    publish, subscribe = addressing.rights_of(make_device("cam", profile="esp32s3"))
    assert "/light/deviceOut" in publish and "photohub/cam/status" in publish
    assert subscribe == ["/light/deviceIn", "photohub/cam/settings", "photohub/cam/file/+/response"]


def test_a_piece_of_a_frame_names_its_device_and_its_place():
    device = make_device("cam", profile="k230")
    sender = addressing.find_sender("k230/camera/frame/part2")
    assert (sender.device, sender.channel, sender.part) == (device, "frame", 2)


def test_a_step_of_a_file_names_its_device():
    device = make_device("porch")
    sender = addressing.find_sender("photohub/porch/file/f1/4096")
    assert (sender.device, sender.channel, sender.file.number) == (device, "file", 4096)


@pytest.mark.parametrize("piece", ["frame/part3", "file/f1/fin/9"])
def test_pieces_of_one_thing_stay_in_order(piece):
    other = piece.replace("part3", "part4").replace("fin/9", "0")
    streams = {addressing.stream_of_messages(f"photohub/cam/{p}") for p in (piece, other)}
    assert len(streams) == 1


def test_the_hub_listens_to_pieces_of_frames_and_files():
    make_device("cam", profile="k230")
    wanted = {"photohub/+/frame/+", "photohub/+/file/#", "k230/camera/frame", "k230/camera/frame/+"}
    assert wanted <= set(addressing.hub_filters())


def test_a_person_reads_the_results_of_cameras_he_may_see():
    make_device("porch")
    assert addressing.rights_of_person(make_user("vera", "viewer")) == ["photohub/porch/result"]
    assert addressing.rights_of_person(make_user("mallory")) == []


@pytest.mark.parametrize("names", [{}, {"product_key": "pk", "device_name": "one"}])
@pytest.mark.parametrize("profile", ["generic", "esp32s3", "esp8266-stm32", "panel"])
def test_what_a_device_needs_listened_to_by_itself_is_what_the_hub_listens_to(profile, names):
    """A device is let in when these are subscribed; one that never is would keep it out for ever."""
    device = make_device("cam", profile=profile, **names)
    publish, _subscribe = addressing.rights_of(device)
    assert addressing.own_topics(publish) <= set(addressing.hub_filters())
    assert not {t for t in addressing.own_topics(publish) if t.startswith(("/ota/", "/sys/"))}


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_filters_of_one_device_hear_all_that_it_may_say_and_nothing_of_another(profile):
    device = make_device("porch", profile=profile, product_key="a1b2", device_name="porch")
    other = make_device("barn")
    filters, count = addressing.filters_of({"porch"}.__contains__)
    may_say, _hears = addressing.rights_of(device)
    # What the published sample says the wrong way round is heard by nobody.
    said = [each for each in may_say if "/upgrade/" not in each]
    assert count == 1 and all(any(topics.filter_covers(f, each) for f in filters) for each in said)
    others = [each.replace("+", "x") for each in addressing.rights_of(other)[0]]
    assert not [each for each in others if any(topics.matches(f, each) for f in filters)]
    ours = [
        device.command_topic or "photohub/porch/command",
        device.picture_topic or "photohub/porch/picture",
    ]
    assert not [each for each in ours if any(topics.matches(f, each) for f in filters)]
