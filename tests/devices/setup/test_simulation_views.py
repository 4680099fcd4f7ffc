import pytest
from django.urls import reverse

from devices.keys import identity
from devices.registry.models import Device
from photohub.lib.messaging import notify
from tests.builders import make_device, make_user

ADD, REMOVE = reverse("devices:simulate"), reverse("devices:simulate_remove")


@pytest.fixture
def told(db, client, monkeypatch):
    client.force_login(make_user("alice", "owner"))
    heard: list[tuple] = []
    monkeypatch.setattr(notify, "send", lambda group, messages: heard.extend((group, m) for m in messages))
    return heard


def test_a_simulated_camera_is_made_and_the_hub_told(told, client, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        client.post(ADD)
    device = Device.objects.get()
    message = next(m for group, m in told if group == "simulators")

    assert (device.code, device.simulated) == ("demo-1", True)
    assert message["device"] == "demo-1" and identity.find_device(message["key"]) == device


def test_each_one_gets_the_next_free_code(told, client):
    for _ in range(2):
        client.post(ADD)
    Device.objects.filter(code="demo-1").delete()
    client.post(ADD)

    assert sorted(Device.objects.values_list("code", flat=True)) == ["demo-1", "demo-2"]


def test_there_is_an_end_to_them(told, client, monkeypatch):
    monkeypatch.setattr("devices.setup.views.AT_MOST", 1)
    client.post(ADD)
    client.post(ADD)

    assert Device.objects.count() == 1


def test_removing_takes_all_simulated_ones_and_no_other(told, client):
    make_device("porch")
    client.post(ADD)
    client.post(REMOVE)

    assert Device.objects.get().code == "porch"
    assert ("simulators", {"type": "simulator.remove", "device": "demo-1"}) in told


@pytest.mark.parametrize("url", [ADD, REMOVE])
def test_only_owners_and_only_by_a_form(told, client, url):
    assert client.get(url).status_code == 405
    client.force_login(make_user("bob", "operator"))
    assert client.post(url).status_code == 403
