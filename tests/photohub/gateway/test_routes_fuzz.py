"""Whatever a device says on whichever of its topics: no route raises, and what it keeps can be stored and shown."""

import json
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.mqtt import addressing
from devices.protocol.aliyun import topics as aliyun_topics
from devices.registry.models import Device
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.streams.frame_intake import FrameIntake
from photohub.gateway.mqtt_routes import channels_of
from tests.builders import make_device
from tests.faults.rounds import rounds

pytestmark = pytest.mark.django_db

WORDS = """id params version module step desc code des url err name size checksum battery_mv rssi_dbm free_heap_bytes
firmware_version fileInfo fileBlock streamId fileId offset fileToken expire_at segments_ttl user_data"""
KEYS = st.sampled_from(WORDS.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
LEAVES |= st.sampled_from(
    ["\0", "\ud800", "9" * 4400, 2**63, -(2**63), 1e308, "https://a/p/abc123", "100", "-2"]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6)
)
PAYLOADS = st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode())
PAYLOADS |= st.sampled_from(
    [b"[" * 1500, b'{"a":' * 800, b'{"battery_mv":1e999}', b"\xff\xd8\xff" + b"\0" * 40]
)
NATIVE = (
    "status",
    "telemetry",
    "result",
    "picture/ack",
    "frame",
    "frame/part1",
    "frame/part2",
    "frame/part99999999999",
)
FILES = (
    "init",
    "0",
    "7/" + "a" * 64,
    "99999999999999999999",
    "fin/9",
    "fin/" + "9" * 40,
    "abort",
    "response",
    "x/y/z",
)
TOPICS = [f"photohub/porch/{channel}" for channel in NATIVE]
TOPICS += [f"photohub/porch/file/f1/{step}" for step in FILES]
TOPICS += aliyun_topics.device_topics("pk", "porch")[0]


@pytest.fixture
def porch(db) -> Device:
    return make_device("porch", product_key="pk", device_name="porch", stream_policy="every")


@settings(
    max_examples=rounds(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    topic=st.sampled_from(TOPICS), payloads=st.lists(PAYLOADS, min_size=1, max_size=3), repeated=st.booleans()
)
def test_no_route_raises_for_what_a_device_says(porch, topic, payloads, repeated):
    channels = channels_of(
        FrameIntake(LatestFrames(), submit=mock.Mock(side_effect=AssertionError("no picture")))
    )
    for payload in payloads:
        sender = addressing.find_sender(topic)
        if sender is not None and (handle := channels.get(sender.channel)):
            handle(addressing.Sender(**{**_fields(sender), "repeated": repeated}), payload)
    Device.objects.get(pk=porch.pk).full_clean()


def _fields(sender: addressing.Sender) -> dict:
    return {name: getattr(sender, name) for name in ("device", "channel", "part", "file")}


@settings(
    max_examples=rounds(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    topic=st.text(max_size=60)
    | st.sampled_from(TOPICS).flatmap(lambda t: st.text(max_size=9).map(lambda x: t + "/" + x))
)
def test_no_topic_raises(porch, topic):
    addressing.stream_of_messages(topic)
    addressing.find_sender(topic)
