import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol import camera_settings as wire
from devices.protocol.camera_settings import Report, Wish


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("frame_size", "svga", "SVGA"), ("frame_size", "800 x 600", "800x600"), ("frame_size", "800×600", "800x600"),
        ("frame_size", "15x600", None), ("frame_size", "9000x600", None), ("frame_size", "huge", None),
        ("frame_size", 5, None), ("quality", 80, 80), ("quality", "80", 80), ("quality", 0, None),
        ("quality", 101, None), ("quality", True, None), ("quality", 80.5, None), ("led", "ON", "on"),
        ("led", "blue", None), ("led", True, None), ("interval_s", 1, 1), ("interval_s", 0, None), ("sleep_s", 0, 0),
        ("sleep_s", 604_801, None), ("colour", "red", None),
    ],
)  # fmt: skip
def test_a_value_has_one_form_or_none(name, given, value):
    assert wire.read_value(name, given) == value


def test_a_camera_reads_what_the_hub_wishes():
    wish = Wish(7, {"frame_size": "SVGA", "quality": 80})
    assert wire.read_wish(wire.encode_wish(wish)) == wish
    assert wire.read_wish(b'{"settings":{}}') is None and wire.read_wish(b"no") is None


def test_the_hub_reads_what_a_camera_says():
    report = Report(7, {"led": "off"}, {"frame_size": "no PSRAM"}, ("frame_size", "led"), "restart-a")
    assert wire.read_report(wire.encode_report(report)) == report
    assert wire.read_report(wire.encode_report(Report())) == Report()


def test_what_is_odd_in_a_report_is_passed_over():
    said = {
        "version": -1,
        "settings": {"quality": "x", "led": "on", "x": 1},
        "refused": {"led": 5, "x": "y"},
        "can": 7,
    }
    assert wire.read_report(json.dumps(said).encode()) == Report(settings={"led": "on"}, refused={"led": ""})
    assert wire.read_report(b"[]") is None and wire.read_report(b"{" + b" " * 4096 + b"}") is None


def test_a_long_reason_is_shortened():
    said = json.dumps({"refused": {"led": "x" * 300}}).encode()
    report = wire.read_report(said)
    assert report is not None and len(report.refused["led"]) == 100


@given(st.binary(max_size=200))
def test_anything_can_be_read(payload):
    wire.read_report(payload)
    wire.read_wish(payload)


def test_an_order_to_start_again_is_told_from_others():
    assert wire.read_restart(json.loads(wire.encode_restart("restart-a"))) == "restart-a"
    assert (
        wire.read_restart({"action": 0, "name": "a"})
        == ""
        == wire.read_restart({"action": True, "name": "a"})
    )


@pytest.mark.parametrize(("size", "sides"), [("UXGA", (1600, 1200)), ("640x480", (640, 480))])
def test_a_size_is_so_many_pixels(size, sides):
    assert wire.pixels_of(size) == sides
