"""What an outside broker is answered, in the bodies that EMQX 5 and mosquitto-go-auth send."""

import json

import pytest
from django.test import Client

from devices.events.models import Trouble
from devices.keys import tokens
from devices.mqtt import home_assistant
from devices.protocol.aliyun.login import parse_login, sign
from devices.registry.models import Device
from devices.setup import adding
from photohub.broker import hooks as broker_hooks
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db
SECRET = "a-long-enough-secret"
SIGNED_ID = "cid|securemode=2,signmethod=hmacsha256,timestamp=1685192902891|"


@pytest.fixture(autouse=True)
def _outside_broker(settings):
    settings.MQTT_HOOK_SECRET = SECRET
    settings.MQTT_URL = "mqtt://photohub:a%20word@broker:1883"


@pytest.fixture
def porch():
    return adding.add_device(code="porch", name="Porch", profile="generic")


def emqx(what: str, secret: str = SECRET, **fields) -> dict:
    body = json.dumps({"clientid": "c", "peerhost": "10.0.0.9", **fields})
    answer = Client().post(f"/broker/{secret}/emqx/{what}", body, content_type="application/json")
    assert answer.status_code == 200, "EMQX takes anything else for a shrug"
    return answer.json()


def goauth(what: str, form: bool = False, **fields) -> int:
    if form:
        return Client().post(f"/broker/{SECRET}/goauth/{what}", fields).status_code
    body = json.dumps(fields)
    return Client().post(f"/broker/{SECRET}/goauth/{what}", body, content_type="application/json").status_code


def signed_board() -> tuple[Device, str, str]:
    """Return a device, its user name in the Aliyun form, and the password that fits SIGNED_ID."""
    made = adding.add_device(code="mcu", name="MCU", profile="esp8266-stm32")
    username = f"{made.device.device_name}&{made.device.product_key}"
    return made.device, username, sign(parse_login(SIGNED_ID, username), made.device_secret)


def test_emqx_lets_a_device_in_with_its_topics(porch):
    answer = emqx("authn", username="porch", password=porch.key)
    assert answer["result"] == "allow" and answer["is_superuser"] is False
    topics = {(rule["permission"], rule["action"], rule["topic"]) for rule in answer["acl"]}
    assert ("allow", "publish", "photohub/porch/status") in topics
    assert ("allow", "subscribe", "photohub/porch/command") in topics
    assert answer["acl"][-1] == {"permission": "deny", "action": "all", "topic": "#"}


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_emqx_is_told_no_with_a_200(porch, password):
    assert emqx("authn", username="porch", password=password) == {"result": "deny"}


def test_a_signed_login_is_understood_by_both():
    _device, username, password = signed_board()
    fields = {"clientid": SIGNED_ID, "username": username, "password": password.upper()}
    assert emqx("authn", **fields)["result"] == "allow"
    assert goauth("user", **fields) == 200
    assert emqx("authn", **fields | {"password": "0" * 64})["result"] == "deny"


def test_a_signed_login_reaches_its_firmware_topics():
    device, username, _password = signed_board()
    fields = {"clientid": SIGNED_ID, "username": username, "action": "publish"}
    mine = f"/ota/device/inform/{device.product_key}/{device.device_name}"
    assert emqx("authz", topic=mine, **fields)["result"] == "allow"
    assert emqx("authz", topic="/ota/device/inform/other/board", **fields)["result"] == "deny"


@pytest.mark.parametrize(
    ("action", "topic", "result"),
    [
        ("publish", "photohub/porch/status", "allow"),
        ("subscribe", "photohub/porch/command", "allow"),
        ("publish", "photohub/gate/status", "deny"),
        ("subscribe", "#", "deny"),
        ("subscribe", "photohub/+/command", "deny"),
        ("sparkle", "photohub/porch/status", "deny"),
    ],
)
def test_emqx_asks_topic_by_topic(porch, action, topic, result):
    assert emqx("authz", username="porch", action=action, topic=topic) == {"result": result}


@pytest.mark.parametrize("form", [False, True])
def test_goauth_is_answered_by_the_status(porch, form):
    assert goauth("user", form, username="porch", password=porch.key, clientid="c") == 200
    assert goauth("user", form, username="porch", password="wrong", clientid="c") == 403


@pytest.mark.parametrize(
    ("acc", "topic", "status"),
    [
        ("2", "photohub/porch/status", 200),
        ("1", "photohub/porch/command", 200),
        ("4", "photohub/porch/command", 200),
        ("3", "photohub/porch/command", 403),
        ("4", "photohub/#", 403),
        ("2", "photohub/gate/status", 403),
        ("9", "photohub/porch/status", 403),
        ("x", "photohub/porch/status", 403),
    ],
)
def test_goauth_asks_topic_by_topic(porch, acc, topic, status):
    assert goauth("acl", username="porch", clientid="c", topic=topic, acc=acc) == status


def test_the_hub_itself_may_do_everything():
    hub = {"username": "photohub", "password": "a word"}
    assert emqx("authn", **hub)["is_superuser"] is True
    assert goauth("user", **hub) == 200 and goauth("superuser", username="photohub") == 200
    assert goauth("acl", username="photohub", topic="photohub/+/result", acc="4") == 200
    assert emqx("authn", **hub | {"password": "other"})["result"] == "deny"


def test_a_person_reads_results_and_writes_nothing(porch):
    user = make_user("vera", "viewer")
    _token, secret = tokens.new_token(user, "phone")
    assert emqx("authn", username="vera", password=secret)["result"] == "allow"
    assert goauth("acl", username="vera", topic="photohub/porch/result", acc="4") == 200
    assert goauth("acl", username="vera", topic="photohub/porch/command", acc="2") == 403


def test_a_device_that_is_switched_off_is_out(porch):
    Device.objects.update(enabled=False)
    assert emqx("authn", username="porch", password=porch.key)["result"] == "deny"
    assert goauth("acl", username="porch", topic="photohub/porch/status", acc="2") == 403


def test_home_assistant_reads_what_it_is_told_and_presses_buttons(porch):
    assert emqx("authn", username=home_assistant.USERNAME, password="")["result"] == "deny"
    secret = home_assistant.let_in()
    answer = emqx("authn", username=home_assistant.USERNAME, password=secret)
    rules = {(rule["permission"], rule["action"], rule["topic"]) for rule in answer["acl"]}
    assert rules == {
        ("allow", "publish", "homeassistant/status"),
        ("allow", "publish", "photohub-home/+/press"),
        ("allow", "subscribe", "homeassistant/#"),
        ("allow", "subscribe", "photohub-home/#"),
        ("deny", "all", "#"),
    }
    asked = {"username": home_assistant.USERNAME, "topic": "photohub-home/porch/press", "action": "publish"}
    assert emqx("authz", **asked)["result"] == "allow"
    home_assistant.shut_out()
    assert emqx("authz", **asked)["result"] == "deny"


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "", "x" * 20_000])
def test_what_cannot_be_read_is_a_denial(body):
    url = f"/broker/{SECRET}"
    answer = Client().post(f"{url}/emqx/authn", body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"result": "deny"})
    assert Client().post(f"{url}/goauth/user", body, content_type="application/json").status_code == 403


def test_without_the_secret_there_is_nothing_here(settings):
    assert Client().post("/broker/guess/emqx/authn").status_code == 404
    settings.MQTT_HOOK_SECRET = ""
    assert Client().post("/broker//emqx/authn").status_code == 404
    assert Client().get(f"/broker/{SECRET}/emqx/authn").status_code == 405


def test_a_database_that_is_away_is_a_denial(monkeypatch):
    def away(connect):
        raise broker_hooks.DatabaseError

    monkeypatch.setattr(broker_hooks, "find_account", away)
    assert emqx("authn", username="porch", password="x") == {"result": "deny"}


# As EMQX 5 documents its HTTP authenticator and authorizer: the headers it sends, and every placeholder it fills in. What
# a client did not send is written as "undefined", or left empty by later versions.
EMQX_HEADERS = {
    "accept": "application/json",
    "cache-control": "no-cache",
    "connection": "keep-alive",
    "keep-alive": "timeout=30, max=1000",
}
EMQX_CLIENT = {
    "clientid": "porch",
    "peerhost": "10.0.0.9",
    "peerport": "50123",
    "proto_name": "MQTT",
    "mountpoint": "undefined",
    "cert_subject": "undefined",
    "cert_common_name": "undefined",
}


def documented(what: str, **fields) -> tuple[int, str, dict]:
    body = json.dumps(EMQX_CLIENT | fields)
    address = f"/broker/{SECRET}/emqx/{what}"
    answer = Client().post(address, body, content_type="application/json", headers=EMQX_HEADERS)
    return answer.status_code, answer["Content-Type"], answer.json()


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({}, "allow"),
        ({"password": "undefined"}, "deny"),
        ({"username": "undefined"}, "deny"),
        ({"username": ""}, "deny"),
    ],
)
def test_emqx_documented_login_gets_the_documented_answer(porch, given, result):
    status, kind, said = documented("authn", **{"username": "porch", "password": porch.key} | given)
    assert (status, kind, said["result"]) == (200, "application/json", result)
    assert set(said) <= {"result", "is_superuser", "acl"}
    for rule in said.get("acl", ()):
        assert set(rule) == {"permission", "action", "topic"} and rule["permission"] in ("allow", "deny")
        # Words that EMQX reads into a topic, which a device must not be able to write there.
        assert rule["action"] in ("publish", "subscribe", "all") and not rule["topic"].startswith("eq ")
        assert "${" not in rule["topic"]


@pytest.mark.parametrize("topic", ["eq photohub/gate/command", "photohub/${username}/command"])
def test_no_topic_of_a_device_means_that_of_another_to_emqx(porch, topic):
    Device.objects.filter(code="porch").update(command_topic=topic)
    rules = emqx("authn", username="porch", password=porch.key)["acl"]
    assert topic not in {rule["topic"] for rule in rules} and len(rules) > 3


@pytest.mark.parametrize(
    ("more", "result"),
    [
        ({"action": "publish", "topic": "photohub/porch/status", "qos": "1", "retain": "false"}, "allow"),
        (
            {"action": "subscribe", "topic": "photohub/porch/command", "qos": "1", "retain": "undefined"},
            "allow",
        ),
        ({"action": "publish", "topic": "photohub/gate/status", "qos": 0, "retain": True}, "deny"),
        ({"action": "all", "topic": "photohub/porch/status"}, "deny"),
    ],
)
def test_emqx_documented_question_about_a_topic_gets_the_documented_answer(porch, more, result):
    assert documented("authz", username="porch", **more) == (200, "application/json", {"result": result})


def test_other_devices_are_named_by_code_only(porch):
    make_device("gate")
    assert goauth("acl", username="gate", topic="photohub/porch/status", acc="2") == 403


def test_a_refused_login_stands_on_the_devices_page_until_it_is_let_in(porch):
    key = porch.key
    emqx("authn", username="porch", password="guess")
    emqx("authn", username="po\0rch", password="guess")
    goauth("user", username="porch", password="guess")
    trouble = Trouble.objects.get()
    assert (trouble.word, trouble.values) == ("login_mqtt", {"address": "10.0.0.9"})
    emqx("authn", username="porch", password=key)
    assert not Trouble.objects.open().exists()
