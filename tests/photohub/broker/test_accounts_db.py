"""Who may use the embedded broker, and to what it subscribes devices by itself."""

import pytest

from devices.keys import identity
from devices.protocol.aliyun.login import parse_login, sign
from devices.protocol.mqtt.packets import Connect
from devices.registry.models import Device
from devices.setup import adding
from photohub.broker.accounts_db import find_account, no_longer_valid

SDK_ID = "pk-one&porch|securemode=3,signmethod=hmacsha1,ext=1,_ss=1,lan=Python,_v=2.2.1,timestamp=1700000000|"
USERNAME = "porch&pk-one"


@pytest.fixture
def made(db):
    made = adding.add_device(code="porch", name="Porch", profile="esp8266-stm32")
    Device.objects.filter(pk=made.device.pk).update(product_key="pk-one", device_name="porch")
    return made


def signed_in(made, client_id: str = SDK_ID):
    password = sign(parse_login(client_id, USERNAME), made.device_secret)
    return find_account(Connect(client_id=client_id, username=USERNAME, password=password.encode()))


def test_a_device_of_the_vendors_sdk_is_subscribed_to_what_is_for_it(made):
    account = signed_in(made)
    assert account.automatic == (
        "/ota/device/upgrade/pk-one/porch",
        "/sys/pk-one/porch/thing/ota/firmware/get_reply",
        "/sys/pk-one/porch/thing/file/download_reply",
    )
    assert set(account.automatic) <= set(account.subscribe)


def test_a_device_that_logs_in_by_its_key_subscribes_by_itself(made):
    account = find_account(Connect(client_id="any", username="porch", password=made.key.encode()))
    assert account.username == "porch" and account.automatic == ()


def test_an_account_stays_valid_until_its_names_or_its_secret_change(made):
    account = signed_in(made)
    assert no_longer_valid([account]) == []
    Device.objects.filter(pk=made.device.pk).update(device_name="gate")
    assert no_longer_valid([account]) == [account]
    Device.objects.filter(pk=made.device.pk).update(device_name="porch")
    identity.issue_device_secret(made.device)
    assert no_longer_valid([account]) == [account]
