import ast
import json
import re
import shlex
from types import SimpleNamespace

import pytest

from devices.protocol.pictures.packets import encode_begin, encode_data, encode_end
from devices.protocol.pictures.receiver import Receiver
from devices.registry.camera_profiles import PROFILES
from devices.setup.snippets import connection_facts, snippets_for
from tests.builders import make_device


def programs(device, key: str = "") -> dict[str, str]:
    return {snippet.slug: snippet.code for snippet in snippets_for(device, key)}


@pytest.mark.parametrize("slug", [slug for slug in PROFILES if slug != "panel"])
@pytest.mark.parametrize("language", ["python", "micropython"])
def test_python_programs_compile_for_every_profile(db, slug, language):
    compile(programs(make_device(profile=slug))[language], language, "exec")


def test_the_key_stands_in_every_program_when_it_has_just_been_made(db):
    assert all("s3cr3t" in code for code in programs(make_device(profile="esp32s3"), "s3cr3t").values())


def test_without_a_key_there_is_a_place_for_it(db):
    assert all("<your key>" in code for code in programs(make_device(profile="esp32s3")).values())


def test_every_program_that_takes_commands_has_the_topics_of_the_device(db):
    codes = programs(make_device("porch", command_topic="house/porch/in"))
    for slug in ("python", "esp-idf", "arduino", "micropython"):
        assert '"house/porch/in"' in codes[slug] and '"photohub/porch/status"' in codes[slug]


def test_a_device_without_commands_needs_no_broker(db):
    codes = programs(make_device(profile="raspberry-pi"))

    assert not any("mqtt" in code.lower() for code in codes.values())


def test_a_topic_with_quotes_stays_one_string(db):
    topic = 'a"b\\c'
    code = programs(make_device(command_topic=topic))["python"]
    found = next(
        n for n in ast.parse(code).body if isinstance(n, ast.Assign) and n.targets[0].id == "COMMAND_TOPIC"
    )

    assert found.value.value == topic


@pytest.mark.parametrize(("publisher", "relays"), [("device", True), ("hub", False)])
def test_either_the_hub_or_the_program_publishes_the_result(db, publisher, relays):
    codes = programs(make_device(result_publisher=publisher))

    assert all(
        ("RESULT_TOPIC" in codes[s]) == relays for s in ("python", "esp-idf", "arduino", "micropython")
    )


def test_curl_is_one_line_with_the_key_as_a_header(db, settings):
    settings.PHOTOHUB_URL = "https://hub.example.org"
    line = programs(make_device(), "s3cr3t")["curl"].strip()

    words = shlex.split(line)
    assert "\n" not in line and "X-Device-Key: s3cr3t" in words and "@picture.jpg" in words
    assert words[-1] == "https://hub.example.org/api/upload"


def test_addresses_follow_the_outside_url_and_the_outside_broker(db, settings):
    settings.PHOTOHUB_URL = "https://hub.example.org"
    settings.MQTT_URL, settings.MQTT_PUBLIC_HOST, settings.MQTT_PUBLIC_PORT = (
        "mqtts://x:1",
        "mq.example.org",
        8883,
    )
    codes = programs(make_device())

    assert '("mq.example.org", 8883)' in codes["python"] and "tls_set" in codes["python"]
    assert '"mqtts://mq.example.org:8883"' in codes["esp-idf"]


def test_the_published_firmware_is_told_its_topics_only_when_they_differ(db):
    first = programs(make_device("porch", profile="esp32s3"))["published"]
    second = programs(make_device("barn", profile="esp32s3"))["published"]

    assert "esp_mqtt_client_subscribe" not in first
    assert json.dumps("photohub/barn/command") in second


@pytest.mark.parametrize("base", [0, 1])
def test_a_panel_has_programs_that_receive_with_its_topics(db, base):
    panel = make_device("hall", profile="panel", ack_base=base)
    codes = programs(panel, "s3cr3t")

    assert codes.keys() == {"python", "esp-idf", "arduino", "micropython"}
    for code in codes.values():
        assert '"mqttTestPub"' in code and '"mqttTestSub"' in code and "s3cr3t" in code
        assert re.search(rf"ACK_BASE =? ?{base}\b", code)
    assert {"mqttTestPub", "mqttTestSub"} <= {fact.value for fact in connection_facts(panel)}


def test_a_panel_that_fetches_has_programs_that_fetch(db):
    codes = programs(make_device("hall", profile="panel", picture_topic="", picture_ack_topic=""), "s3cr3t")
    assert codes.keys() == {"esp-idf", "curl"}
    assert all("/panel/next" in code and "s3cr3t" in code for code in codes.values())


class Board:
    """Runs a panel's program without its network, packet by packet."""

    def __init__(self, language: str) -> None:
        lines = programs(make_device("hall", profile="panel", ack_base=1))[language]
        whole = re.sub(
            r"(?m)^(import (network|paho.*)|from umqtt.*|client = .*|connect_wifi\(\)|receiver = .*)$",
            "",
            lines,
        )
        self.shown: list[bytes] = []
        self.room = {"client": self, "__name__": "panel"}
        exec(whole.split("\nwhile True:")[0], self.room)
        self.room["show"] = lambda picture, name: self.shown.append(bytes(picture))
        self.room["receiver"] = self.room["Receiver"]()

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
        self.said = payload

    def take(self, language: str, packet: bytes) -> bytes:
        message = (self, None, SimpleNamespace(payload=packet)) if language == "python" else (b"", packet)
        self.room["on_message"](*message)
        return self.said


@pytest.mark.parametrize("language", ["python", "micropython"])
def test_a_panels_program_answers_as_the_protocol_says(db, language):
    board, model, picture = Board(language), Receiver(ack_base=1), bytes(range(250)) * 13
    data = [encode_data(n, picture[n * 1400 : n * 1400 + 1400]) for n in range(3)]
    other = encode_data(0, b"x" * 1400)
    story = [
        encode_end(),
        encode_begin(len(picture)),
        data[0],
        data[0],
        data[2],
        encode_end(),
        data[1],
        data[2],
    ]
    story += [encode_end(), encode_end(), encode_begin(len(picture)), data[0], other, data[1], data[0][:-1]]
    answers = [board.take(language, packet) for packet in story]

    assert answers == [model.take(packet) for packet in story]
    assert board.shown == [picture]
