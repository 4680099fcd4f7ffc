import pytest

from devices.access.groups import DeviceGroup
from devices.events.models import Event
from devices.mqtt import home_assistant
from devices.registry import broker_names
from devices.registry.models import BrokerAccount
from photohub.lib.encryption import decrypt
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


def test_the_password_is_shown_once_and_works(alice):
    assert "not let in" in alice.get("/home-assistant").content.decode()
    alice.post("/home-assistant/let-in")
    page = alice.get("/home-assistant")
    secret = page.context["secret"]
    text = page.content.decode()
    assert all(word in text for word in (secret, home_assistant.USERNAME, "Copy it now"))
    assert home_assistant.is_proved_by(home_assistant.digest_of(secret))
    again = alice.get("/home-assistant").content.decode()
    assert secret not in again and "1883" in again
    assert Event.objects.filter(sentence="Home Assistant was let in.", actor__username="alice").count() == 1


def test_a_new_password_ends_the_older_and_shutting_out_ends_all(alice):
    alice.post("/home-assistant/let-in")
    first = alice.get("/home-assistant").context["secret"]
    alice.post("/home-assistant/let-in")
    second = alice.get("/home-assistant").context["secret"]
    proved = [home_assistant.is_proved_by(home_assistant.digest_of(secret)) for secret in (first, second)]
    alice.post("/home-assistant/shut-out")
    assert proved == [False, True]
    assert (
        not home_assistant.is_proved_by(home_assistant.digest_of(second)) and not home_assistant.read().is_on
    )


def test_groups_say_whose_devices_are_told_of(alice):
    yard, house = (DeviceGroup.objects.create(name=name) for name in ("Yard", "House"))
    make_device("gate", group=yard)
    make_device("hall", group=house)
    alice.post("/home-assistant/let-in")
    assert alice.get("/home-assistant").context["device_count"] == 2
    alice.post("/home-assistant/groups", {"groups": [yard.pk]})
    page = alice.get("/home-assistant")
    assert page.context["device_count"] == 1 and home_assistant.read().groups == (yard.pk,)
    alice.post("/home-assistant/groups", {"groups": [yard.pk, 999]}, follow=True)
    assert home_assistant.read().groups == (yard.pk,)
    alice.post("/home-assistant/groups")
    assert home_assistant.read().groups == ()


def test_an_outside_broker_is_told_of_the_account(alice, settings):
    settings.MQTT_URL, settings.MQTT_DYNSEC = "mqtt://hub:pw@broker:1883", True
    alice.post("/home-assistant/let-in")
    page = alice.get("/home-assistant")
    row = BrokerAccount.objects.get(username=home_assistant.USERNAME)
    assert (row.wanted, decrypt(row.secret_encrypted)) == (True, page.context["secret"])
    assert "being told" in page.content.decode()
    alice.post("/home-assistant/shut-out")
    row.refresh_from_db()
    assert not row.wanted and row.state == BrokerAccount.State.PENDING


def test_nobody_else_has_its_name():
    assert broker_names.fault_of_code(home_assistant.USERNAME)
    assert broker_names.fault_of_person(home_assistant.USERNAME)
