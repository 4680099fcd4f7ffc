import json

import pytest

from devices.access.groups import DeviceGroup
from devices.hub_settings import choices
from devices.mqtt import dynsec, home_assistant
from devices.registry.models import BrokerAccount
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def test_nobody_is_let_in_at_first_and_no_device_is_told_of():
    make_device("porch")
    chosen = home_assistant.read()
    assert not chosen.is_on and not chosen.is_known and not home_assistant.devices_of(chosen).exists()
    assert not home_assistant.is_proved_by(home_assistant.digest_of(""))


def test_the_password_is_kept_nowhere():
    secret = home_assistant.let_in()
    assert secret not in json.dumps(choices.read(home_assistant.SETTING))


def test_a_device_of_two_chosen_groups_is_told_of_once():
    groups = [DeviceGroup.objects.create(name=name) for name in ("Yard", "House")]
    make_device("porch", groups=groups)
    make_device("barn")
    home_assistant.let_in()
    home_assistant.choose_groups([group.pk for group in groups])
    assert [device.code for device in home_assistant.devices_of(home_assistant.read())] == ["porch"]


@pytest.mark.parametrize("value", [None, [], "on", {}, {"digest": None, "groups": None}])
def test_a_setting_of_another_form_lets_nobody_in(value):
    if value is not None:
        choices.write(home_assistant.SETTING, value)
    assert not home_assistant.is_proved_by("") and not home_assistant.is_proved_by("None")


@pytest.mark.parametrize(
    ("topic", "config", "press"),
    [
        ("homeassistant/device/photohub-porch/config", "porch", ""),
        ("homeassistant/device/other-porch/config", "", ""),
        ("photohub-home/porch/press", "", "porch"),
        ("photohub-home/porch/press/more", "", ""),
        ("photohub-home//press", "", ""),
    ],
)
def test_topics_are_told_apart(topic, config, press):
    assert (home_assistant.code_in_config(topic), home_assistant.code_in_press(topic)) == (config, press)


def test_mosquitto_is_told_what_the_account_may_do(settings):
    settings.MQTT_URL, settings.MQTT_DYNSEC = "mqtt://hub:pw@broker:1883", True
    secret = home_assistant.let_in()
    wanted = dynsec.wanted_of(BrokerAccount.objects.get(username=home_assistant.USERNAME))
    assert (wanted.exists, wanted.secret) == (True, secret)
    assert wanted.publish == home_assistant.PUBLISHES and wanted.subscribe == home_assistant.READS
    home_assistant.shut_out()
    assert not dynsec.wanted_of(BrokerAccount.objects.get(username=home_assistant.USERNAME)).exists
