import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol import light, one_wake
from devices.protocol.one_wake import Extras

ANSWER = light.encode_ok(
    url="http://192.168.1.20:8000/p/7k2m9xq4hv3wn8cbtz", id="0199f2c4-6a10-7b52-9c3e-5d8f0a1b2c3d"
)
ORDER = json.loads(light.encode_capture("n" * 49, action_as_string=True))
ALL = Extras(
    command=ORDER,
    settings_version=7,
    sleep_s=604_800,
    time_ms=1_773_500_966_000,
    zone="+08:00",
    firmware_version="1.5.0-rc1",
    firmware_url="/api/v1/ota/check",
    settings={"frame_size": "SVGA", "quality": 12},
)


def answer_of(size_bytes: int) -> bytes:
    """Return an answer that is already so long."""
    return ANSWER[:-1] + b',"x":"' + b"x" * (size_bytes - len(ANSWER) - 7) + b'"}'


def test_a_camera_reads_what_the_hub_wrote():
    assert one_wake.read_extras(one_wake.extend(ANSWER, ALL)) == ALL


def test_the_answer_before_is_not_touched():
    longer = json.loads(one_wake.extend(ANSWER, ALL))
    assert {name: longer[name] for name in json.loads(ANSWER)} == json.loads(ANSWER)
    assert one_wake.extend(ANSWER, Extras()) == ANSWER


def test_with_a_long_address_all_but_the_settings_fit():
    answer = light.encode_ok(url="h" * 60 + "/p/7k2m9xq4hv3wn8cbtz", id="0" * 36, dup=True)
    told = json.loads(one_wake.extend(answer, ALL))
    assert list(told)[5:10] == ["command", "settings_version", "sleep_s", "time_ms", "zone"]
    assert "firmware" in told


@pytest.mark.parametrize("size_bytes", range(len(ANSWER) + 7, 513, 5))
def test_what_does_not_fit_is_left_out_whole_and_the_rest_is_tried(size_bytes):
    answer = answer_of(size_bytes)
    longer = one_wake.extend(answer, ALL)
    assert len(longer) <= 512 and json.loads(longer).items() >= json.loads(answer).items()
    if one_wake.has_room_for_command(answer):
        assert json.loads(longer)["command"] == ORDER


def test_what_is_short_is_told_where_an_order_had_no_room():
    told = json.loads(one_wake.extend(answer_of(490), ALL))
    assert "command" not in told and told["settings_version"] == 7


@given(st.binary(max_size=600))
def test_anything_can_be_read(answer):
    assert isinstance(one_wake.read_extras(answer), Extras)


@pytest.mark.parametrize(
    "command",
    ['"x"', "[1]", '{"action":0}', '{"action":0,"name":5}', '{"action":0,"name":"%s"}' % ("n" * 50)],
)
def test_an_odd_order_is_none(command):
    assert one_wake.read_extras(b'{"code":0,"command":%s}' % command.encode()).command == {}


@pytest.mark.parametrize(
    ("minutes", "text"), [(480, "+08:00"), (-210, "-03:30"), (0, "+00:00"), (345, "+05:45")]
)
def test_a_zone_is_written_as_hours_and_minutes(minutes, text):
    assert one_wake.zone_of(timedelta(minutes=minutes)) == text
