import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol import topics
from devices.protocol.aliyun.topics import (
    OtaChannel,
    OtaTopic,
    build_topic,
    device_topics,
    hub_filters,
    parse_topic,
)

WRITTEN = {
    OtaChannel.INFORM: "/ota/device/inform/ga1/porch",
    OtaChannel.PROGRESS: "/ota/device/progress/ga1/porch",
    OtaChannel.UPGRADE: "/ota/device/upgrade/ga1/porch",
    OtaChannel.GET: "/sys/ga1/porch/thing/ota/firmware/get",
    OtaChannel.GET_REPLY: "/sys/ga1/porch/thing/ota/firmware/get_reply",
    OtaChannel.DOWNLOAD: "/sys/ga1/porch/thing/file/download",
    OtaChannel.DOWNLOAD_REPLY: "/sys/ga1/porch/thing/file/download_reply",
}


@pytest.mark.parametrize("channel", OtaChannel)
def test_each_topic_is_built_and_read(channel: OtaChannel):
    assert build_topic(channel, "ga1", "porch") == WRITTEN[channel]
    assert parse_topic(WRITTEN[channel]) == OtaTopic(channel, "ga1", "porch")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "photohub/porch/command",
        "/ota/device/inform/ga1",
        "/ota/device/inform/ga1/porch/x",
        "/ota/device/inform/+/porch",
        "/ota/device/other/ga1/porch",
        "ota/device/inform/ga1/porch",
        "/sys/ga1/porch/ota/device/inform",
        "/thing/file/download/ga1/porch",
        "/sys/ga1/po#ch/thing/file/download",
        "/sys/ga1/porch/thing/file/download/",
    ],
)
def test_other_topics_are_not_read(topic: str):
    assert parse_topic(topic) is None


def test_a_device_may_use_the_directions_of_the_published_sample_too():
    publish, subscribe = device_topics("ga1", "porch")
    assert "/ota/device/upgrade/ga1/porch" in publish and "/ota/device/inform/ga1/porch" in publish
    assert "/ota/device/inform/ga1/porch" in subscribe and "/ota/device/upgrade/ga1/porch" in subscribe
    assert (len(publish), len(subscribe)) == (5, 4)


def test_the_hub_hears_what_devices_say_and_not_what_it_says_itself():
    heard = {c for c, t in WRITTEN.items() if any(topics.matches(f, t) for f in hub_filters())}
    assert heard == {OtaChannel.INFORM, OtaChannel.PROGRESS, OtaChannel.GET, OtaChannel.DOWNLOAD}


@given(st.text(max_size=60) | st.text("/aotsyd+", max_size=60))
def test_reading_never_raises(topic: str):
    read = parse_topic(topic)
    assert read is None or build_topic(read.channel, read.product_key, read.device_name) == topic
