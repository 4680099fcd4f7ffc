import pytest
from django.db import OperationalError

from devices.commands import queue as commands
from devices.commands import results
from devices.commands.models import CommandState
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_old_pieces():
    results._joiners.clear()


@pytest.fixture
def told():
    heard = []
    listener = lambda device, said: heard.append((device.code, said))  # noqa: E731
    results.on_result(listener)
    yield heard
    results._listeners.remove(listener)


def test_an_error_the_camera_relays_fails_its_open_command(told):
    device = make_device("cam", profile="esp32s3")
    command = commands.capture(device)
    results.result(device, b'{"code":1,"des":"lens cap on","err":"x"}')
    command.refresh_from_db()
    assert command.state == CommandState.FAILED and "lens cap on" in command.reason


def test_an_answer_in_pieces_is_joined(told):
    device = make_device("cam", profile="esp32s3")
    results.result(device, b'{"code":0,"url":"aHR0cDovL2h1Y')
    assert told == []
    results.result(device, b'i9wL2FiYw=="}')
    assert told[0][1].url == "http://hub/p/abc"


def test_two_devices_pieces_do_not_mix(told):
    porch, barn = make_device("porch"), make_device("barn")
    results.result(porch, b'{"code":0,')
    results.result(barn, b'"url":""}')
    assert told == []


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe", b"<html>", b"[1,2]"])
def test_junk_is_no_result_and_no_error(told, junk):
    device = make_device()
    command = commands.capture(device)
    results.result(device, junk)
    command.refresh_from_db()
    assert command.state == CommandState.QUEUED


def test_hearing_a_result_is_hearing_the_device():
    device = make_device()
    results.result(device, b"{}")
    device.refresh_from_db()
    assert device.last_seen_at


def test_an_answer_whose_end_could_not_be_handled_is_joined_when_its_end_comes_again(told):
    device = make_device("cam", profile="esp32s3")
    results.result(device, b'{"code":0,"url":"aHR0cDovL2h1Y')
    fails = [OperationalError("away")]
    failing = lambda device, said: fails and (_ for _ in ()).throw(fails.pop())  # noqa: E731
    results._listeners.insert(0, failing)
    try:
        with pytest.raises(OperationalError):
            results.result(device, b'i9wL2FiYw=="}')
        results.result(device, b'i9wL2FiYw=="}')
    finally:
        results._listeners.remove(failing)
    assert [said.url for _code, said in told] == ["http://hub/p/abc"]
