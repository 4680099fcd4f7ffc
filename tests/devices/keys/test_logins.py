import pytest

from devices.events.models import Trouble
from devices.keys import logins
from tests.builders import make_device

pytestmark = pytest.mark.django_db
SIGNED = "c|securemode=3,signmethod=hmacsha256|"


@pytest.fixture
def porch():
    return make_device("porch", product_key="ga1b2c3", device_name="stove")


@pytest.mark.parametrize(
    ("client_id", "username"), [("c", "porch"), (SIGNED, "stove&ga1b2c3"), ("", "porch"), (SIGNED, "porch")]
)
def test_a_refused_login_is_noted_with_whom_it_names_in_either_form(porch, client_id, username):
    logins.note_refused_mqtt(client_id, username, "10.0.0.9")
    trouble = Trouble.objects.get()
    assert (trouble.device, trouble.word, trouble.values) == (porch, "login_mqtt", {"address": "10.0.0.9"})
    logins.note_accepted_mqtt("porch")
    assert not Trouble.objects.open().exists()


@pytest.mark.parametrize(
    "username", ["", "&", "nobody", "po\0rch", "PORCH", "stove&other", "a&b&c", "p" * 70_000]
)
def test_a_login_that_names_no_device_leaves_nothing(porch, username):
    logins.note_refused_mqtt(SIGNED, username, "10.0.0.9")
    assert not Trouble.objects.exists()


def test_a_device_that_is_switched_off_is_not_said_to_have_a_wrong_key():
    make_device("barn", enabled=False)
    logins.note_refused(logins.STREAM, "barn", "")
    assert not Trouble.objects.exists()
