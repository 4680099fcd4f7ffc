import ast
import json
import shlex

import pytest

from devices.profiles import PROFILES
from devices.snippets import connection_facts, snippets_for
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


def test_a_panel_has_facts_and_no_camera_program(db):
    panel = make_device(profile="panel")

    assert snippets_for(panel) == []
    assert {"mqttTestPub", "mqttTestSub"} <= {fact.value for fact in connection_facts(panel)}
