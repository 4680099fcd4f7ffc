import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.protocol import topics
from devices.protocol.topics import Channel, FileStep, FileTopic, NativeTopic, filter_covers, matches

SHA256 = "ab" * 32
level = st.sampled_from(["a", "b", "", "$x"])
topic_names = st.lists(level, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.lists(st.sampled_from(["a", "b", "", "+", "#", "$x"]), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize("channel", [channel for channel in Channel if channel is not Channel.FILE])
def test_a_native_topic_is_built_and_read(channel: Channel):
    topic = topics.build("gate-2", channel)
    assert topic == f"photohub/gate-2/{channel.value}"
    assert topics.parse(topic) == NativeTopic("gate-2", channel)


def test_a_part_of_a_frame_is_read():
    assert topics.parse("photohub/k230/frame/part12") == NativeTopic("k230", Channel.FRAME, part=12)


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("t1/init", FileTopic("t1", FileStep.INIT)),
        ("t1/0", FileTopic("t1", FileStep.DATA, 0)),
        (f"t1/1024/{SHA256}", FileTopic("t1", FileStep.DATA, 1024, SHA256)),
        ("t1/fin/55722", FileTopic("t1", FileStep.FIN, 55_722)),
        (f"t1/fin/9/{SHA256}", FileTopic("t1", FileStep.FIN, 9, SHA256)),
        ("t1/abort", FileTopic("t1", FileStep.ABORT)),
        ("t1/response", FileTopic("t1", FileStep.RESPONSE)),
    ],
)
def test_a_chunked_upload_topic_is_built_and_read(path: str, file: FileTopic):
    topic = f"photohub/k230/file/{path}"
    assert topics.parse(topic) == NativeTopic("k230", Channel.FILE, file=file)
    assert topics.build_file("k230", file) == topic


@pytest.mark.parametrize(
    "topic",
    (
        "photohub photohub/k230 photohub/k230/ photohub/K230/frame photohub/k/frame /photohub/k230/frame "
        "photohub/k230/file photohub/k230/file/t photohub/k230/file/t/01 photohub/k230/file/t/fin "
        "photohub/k230/file/t/5/abc photohub/k230/file/../init photohub/k230/file/t/init/x other/k230/frame "
        "photohub/k230/frame/part0 photohub/k230/frame/part1/x photohub/k230/picture/nack "
        "photohub/k230/command/x photohub/k230\n/frame"
    ).split(" "),
)
def test_what_is_not_a_native_topic_is_none(topic: str):
    assert topics.parse(topic) is None


def test_codes_are_short_lower_case_ascii():
    assert topics.valid_code("a1") and topics.valid_code("a" * 32) and topics.valid_code("0-gate-")
    for code in ("a", "a" * 33, "-ab", "Ab", "a_b", "äb", "ab\n", ""):
        assert not topics.valid_code(code)


def test_a_device_may_be_given_the_topics_of_fixed_firmware():
    for topic in ("/light/deviceIn", "k230/camera/frame", "mqttTestPub", "x" * 200):
        assert topics.valid_topic(topic)


@pytest.mark.parametrize(
    "topic", ["", "a/#", "a/+/b", "a+", "$SYS/x", "x" * 201, "灯/in", "a\0b", "a\tb", "a\n"]
)
def test_a_device_may_not_be_given_other_topics(topic: str):
    assert not topics.valid_topic(topic)


@pytest.mark.parametrize("topic_filter", ["a", "/", "+", "#", "a/+/b/#", "+/+", "$SYS/#", "/+", "灯/#"])
def test_filters_by_the_standard(topic_filter: str):
    assert topics.valid_filter(topic_filter)


@pytest.mark.parametrize("topic_filter", ["", "a#", "#/a", "a+/b", "a/#/b", "a\0", "a/b+", "x" * 65_536])
def test_broken_filters(topic_filter: str):
    assert not topics.valid_filter(topic_filter)


@pytest.mark.parametrize(
    "pair",
    "a a|a/# a|a/# a/b/c|# a/b|+ a|+/+ /a|/+ /a|a/+ a/|a/+/c a/b/c|$SYS/# $SYS/x|$SYS/+ $SYS/x|a/+/# a/b|"
    "a/$x a/$x|+/+ a/$x".split("|"),
)
def test_matches_by_the_standard(pair: str):
    topic_filter, topic = pair.split(" ")
    assert matches(topic_filter, topic)


@pytest.mark.parametrize(
    "pair", "a A|a a/|+ a/b|+ /a|a/+ a|a/+/c a/b/d|a/# ab|# $SYS/x|+/x $SYS/x|a/b a|a/+/# a".split("|")
)
def test_does_not_match_by_the_standard(pair: str):
    topic_filter, topic = pair.split(" ")
    assert not matches(topic_filter, topic)


@pytest.mark.parametrize(
    "pair", "a/# a/#|a/# a|a/# a/+/b|a/+ a/b|a/+ a/+|# +/a|# #|+ +|a/+/c a/b/c|$SYS/# $SYS/+".split("|")
)
def test_a_right_covers_what_it_contains(pair: str):
    allowed, requested = pair.split(" ")
    assert filter_covers(allowed, requested)


@pytest.mark.parametrize(
    "pair",
    "a/b a/+|a/+ a/#|a/+ #|a/# #|a/# +/b|+/+ #|# $SYS/#|a/+ a|a a/#|a/# a#|+ $SYS|a/+/# a/#|a+ a+| ".split(
        "|"
    ),
)
def test_a_right_covers_nothing_more(pair: str):
    allowed, requested = pair.split(" ")
    assert not filter_covers(allowed, requested)


@given(filters, filters, topic_names)
@example("+/#", "#", "a")
def test_what_is_covered_is_matched(allowed: str, requested: str, topic: str):
    if filter_covers(allowed, requested) and matches(requested, topic):
        assert matches(allowed, topic)


@given(filters)
def test_a_right_covers_itself(topic_filter: str):
    assert filter_covers(topic_filter, topic_filter) == topics.valid_filter(topic_filter)


@given(st.text(max_size=60) | st.text("photub/gae+#$-part1fil0\0", max_size=60))
def test_any_text_is_judged_without_an_error(text: str):
    assert topics.parse(text) is None or topics.valid_topic(text)
    assert topics.valid_topic(text) in (True, False)
    assert filter_covers(text, text) == topics.valid_filter(text)
