import pytest
from django.urls import reverse

from devices.commands import queue as commands
from devices.commands.models import Command
from tests.builders import make_device, make_user

SHUTTER = reverse("devices:capture", args=["porch"])
HOME = reverse("devices:detail", args=["porch"])
JSON = {"accept": "application/json"}


@pytest.fixture
def porch(db, client):
    client.force_login(make_user("bob", "operator"))
    return make_device("porch")


def follow_url(command: Command, page: str = "command") -> str:
    return reverse(f"devices:{page}", args=[command.device.code, command.pk])


def test_a_plain_form_asks_and_goes_back(porch, client):
    answer = client.post(SHUTTER, {"next": "/history"})

    assert answer.headers["Location"] == "/history"
    assert Command.objects.get().asked_by.username == "bob"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_never_goes_back_to_somebody_else(porch, client, elsewhere):
    assert client.post(SHUTTER, {"next": elsewhere}).headers["Location"] == HOME


@pytest.mark.parametrize("headers", [JSON, {"hx-request": "true"}])
def test_a_script_gets_the_command(porch, client, headers):
    answer = client.post(SHUTTER, headers=headers)

    assert answer.status_code == 202
    assert answer.json() == {"id": str(Command.objects.get().pk), "state": "queued"}


def test_a_device_that_takes_no_commands_says_so_in_both_ways(porch, client):
    pi = make_device("pi", profile="raspberry-pi")
    shutter = reverse("devices:capture", args=[pi.code])
    answer = client.post(shutter, headers=JSON)

    assert (answer.status_code, answer.json()["err"]) == (409, "cannot_command")
    assert "no command topic" in client.post(shutter, follow=True).content.decode()


def test_the_progress_is_said_in_words(porch, client):
    command = commands.capture(porch)
    assert "Waiting for the camera" in client.get(follow_url(command)).content.decode()

    commands.note_all_sent([command])
    assert "on its way" in client.get(follow_url(command)).content.decode()

    commands.fail(command, "camera_said", "Out of buffer")
    assert "Out of buffer" in client.get(follow_url(command)).content.decode()


def test_a_command_is_found_under_its_own_device_only(porch, client):
    command = commands.capture(porch)
    make_device("barn")

    assert client.get(reverse("devices:command", args=["barn", command.pk])).status_code == 404


def test_an_open_command_is_cancelled(porch, client):
    command = commands.capture(porch)
    answer = client.post(follow_url(command, "cancel"), headers=JSON)

    assert answer.json()["state"] == "cancelled"
    assert client.post(follow_url(command, "cancel"), headers=JSON).status_code == 409


def test_cancelling_too_late_is_said(porch, client):
    command = commands.capture(porch)
    commands.fail(command, "camera_said", "Out of buffer")

    assert (
        "It had already ended: failed."
        in client.post(follow_url(command, "cancel"), follow=True).content.decode()
    )


def test_the_shutter_is_no_link(porch, client):
    assert client.get(SHUTTER).status_code == 405
    assert client.get(follow_url(commands.capture(porch), "cancel")).status_code == 405


def test_viewers_and_strangers_do_not_press(porch, client):
    command = commands.capture(porch)
    for name, role, status in (("vera", "viewer", 403), ("mallory", "", 404)):
        client.force_login(make_user(name, role))
        assert (
            client.post(SHUTTER).status_code
            == client.post(follow_url(command, "cancel")).status_code
            == status
        )
