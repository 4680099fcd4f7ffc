"""One name means one at the broker: the hub, a device or a person, and never what another one may do."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from devices.access.groups import DeviceGroup
from devices.keys import tokens
from devices.mqtt import dynsec
from devices.protocol.mqtt.packets import Connect
from devices.registry import broker_names
from devices.registry.models import BrokerAccount, Device
from devices.setup import adding
from photohub.accounts.forms import FirstOwnerForm, InviteForm
from photohub.broker.accounts_db import find_account, no_longer_valid
from photohub.status import doctor
from photohub.status import parts as status
from tests.builders import PASSWORD, make_device, make_user

pytestmark = pytest.mark.django_db
WORD = "a-long-enough-secret"


@pytest.fixture
def outside(settings):
    settings.MQTT_HOOK_SECRET = WORD
    settings.MQTT_URL = "mqtt://boss:a%20word@broker:1883"


def old_device(code: str, **values) -> tuple[Device, str]:
    """Return a device of an older hub, which knew no reserved names, and its key."""
    made = adding.add_device(code=f"{code}-2", name="", profile="generic", **values)
    Device.objects.filter(pk=made.device.pk).update(code=code)
    made.device.refresh_from_db()
    return made.device, made.key


def ask(kind: str, what: str, **fields) -> bool:
    """Ask as a broker does; tell whether it was allowed."""
    body = json.dumps({"clientid": "c"} | fields)
    answer = Client().post(f"/broker/{WORD}/{kind}/{what}", body, content_type="application/json")
    return answer.json()["result"] == "allow" if kind == "emqx" else answer.status_code == 200


def log_in(username: str, password: str):
    return find_account(Connect(client_id="c", username=username, password=password.encode()))


# --- the hub's own name ---


def test_a_device_named_as_the_hub_is_not_let_in(outside):
    _device, key = old_device("boss")
    login = {"username": "boss", "password": key}
    assert not ask("emqx", "authn", **login) and not ask("goauth", "user", **login)
    assert ask("emqx", "authn", username="boss", password="a word")


def test_a_person_named_as_the_hub_is_not_let_in(outside):
    _token, secret = tokens.new_token(make_user("boss", "viewer"), "program")
    assert not ask("goauth", "user", username="boss", password=secret)


def test_a_hub_without_a_password_is_nobody(outside, settings):
    settings.MQTT_URL = "mqtt://boss@broker:1883"
    assert not ask("goauth", "superuser", username="boss")
    assert not ask("emqx", "authz", username="boss", topic="photohub/x/status", action="publish")
    assert not ask("emqx", "authn", username="boss", password="")


def test_the_embedded_hubs_name_is_never_a_devices():
    _device, key = old_device(broker_names.HUB_USERNAME)
    assert log_in(broker_names.HUB_USERNAME, key) is None


# --- a person and a device ---


def test_a_person_named_as_a_device_may_not_speak_for_it(outside):
    old_device("yard-cam", groups=[DeviceGroup.objects.create(name="yard")])
    house = DeviceGroup.objects.create(name="house")
    _token, secret = tokens.new_token(make_user("yard-cam", "viewer", house), "program")
    assert not ask("goauth", "user", username="yard-cam", password=secret)
    assert not ask("emqx", "authn", username="yard-cam", password=secret)
    assert log_in("yard-cam", secret) is None


def test_a_person_who_is_logged_in_when_a_device_takes_the_name_is_put_out():
    _token, secret = tokens.new_token(make_user("yard-cam", "viewer"), "program")
    account = log_in("yard-cam", secret)
    assert no_longer_valid([account]) == []
    old_device("yard-cam")
    assert no_longer_valid([account]) == [account]


def test_a_token_that_may_not_look_ends_its_connection():
    person = make_user("ann", "viewer")
    token, secret = tokens.new_token(person, "program")
    account = log_in("ann", secret)
    token.scopes = ["command"]
    token.save()
    assert no_longer_valid([account]) == [account]


def test_switching_a_person_off_leaves_the_device_of_that_name_its_account(settings):
    settings.MQTT_URL, settings.MQTT_DYNSEC = "mqtt://boss:word@broker:1883", True
    person = make_user("yard-cam", "viewer")
    token, _secret = tokens.new_token(person, "program")
    device, _key = old_device("porch-cam")
    BrokerAccount.objects.filter(username="yard-cam").delete()
    BrokerAccount.objects.filter(device=device).update(username="yard-cam")
    tokens.revoke_token(token)
    assert BrokerAccount.objects.get(username="yard-cam").wanted
    assert dynsec.wanted_of(BrokerAccount.objects.get(username="yard-cam")).exists


# --- where names are given ---


@pytest.mark.parametrize("code", ["photohub-hub", "boss", "ann"])
def test_a_device_gets_no_name_that_is_taken_at_the_broker(outside, code):
    make_user("Ann", "viewer")
    with pytest.raises(ValidationError) as refused:
        make_device(code)
    assert code in refused.value.message_dict["code"][0]


@pytest.mark.parametrize("name", ["photohub-hub", "Boss", "yard-cam", "Yard-Cam"])
def test_a_person_gets_no_name_that_is_taken_at_the_broker(outside, name):
    make_device("yard-cam")
    invited = InviteForm({"username": name, "role": "viewer"})
    first = FirstOwnerForm({"username": name, "password1": PASSWORD, "password2": PASSWORD})
    for form in (invited, first):
        assert not form.is_valid() and name in form.errors["username"][0]


def test_names_of_an_older_hub_are_told(outside):
    old_device("boss")
    old_device("yard-cam")
    make_user("yard-cam", "viewer")
    make_user("photohub-hub", "viewer")
    make_user("photohub-home", "viewer")
    found = broker_names.collisions()
    names = ("boss", "photohub-hub", "photohub-home", "yard-cam")
    assert [next(name for name in names if name in text) for text in found] == [*names]
    assert [finding.sentence for finding in doctor._names()] == found
    assert "yard-cam" not in status.collect().sentence


def test_a_hub_without_such_names_says_so():
    make_device("yard-cam")
    make_user("ann", "viewer")
    assert broker_names.collisions() == [] and next(doctor._names()).state == "OK"
