import pytest
from django.test import RequestFactory

from devices.panels.fetching import requests as panel_requests
from devices.panels.fetching.requests import Refused, find_panel, hashes_of, hear
from devices.registry.models import Device
from devices.setup import adding
from photohub.lib.http.guessing import FailedTries
from tests.builders import make_device

SHA = "ab" * 32


def request(**headers):
    return RequestFactory().get("/panel/next", headers=headers)


@pytest.mark.parametrize("header", [SHA, f'"{SHA}"', f'W/"{SHA}"', f'"x", "{SHA}"'])
def test_a_hash_is_read_in_every_form_of_the_header(header):
    assert hashes_of(request(If_None_Match=header)) == {SHA}


def test_no_header_is_not_an_empty_one():
    assert hashes_of(request()) is None and hashes_of(request(If_None_Match="*")) == frozenset()


def test_a_panel_gets_addresses_that_it_can_reach(settings):
    assert panel_requests.base_of(request()) == "http://testserver"
    settings.PHOTOHUB_URL = "https://hub.example.org"
    assert panel_requests.base_of(request()) == "https://hub.example.org"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Authorization", "X-Device-Key", ""])
def test_a_panel_is_known_by_its_key_wherever_it_stands(name):
    made = adding.add_device(code="hall", name="", profile="panel")
    headers = {name: f"Bearer {made.key}" if name == "Authorization" else made.key} if name else {}
    assert find_panel(request(**headers), "" if name else made.key).device == made.device


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "status"), [({}, 401), ({"enabled": False}, 403), ({"profile": "generic"}, 404)]
)
def test_others_are_refused_each_with_its_word(values, status):
    profile = values.pop("profile", "panel")
    made = adding.add_device(code="hall", name="", profile=profile, **values)
    with pytest.raises(Refused) as refused:
        find_panel(request(), made.key if status != 401 else "kéy")
    assert refused.value.status == status


@pytest.mark.django_db
def test_what_a_panel_says_of_itself_is_kept():
    hall = make_device("hall", profile="panel")
    hear(hall, request(X_Battery_Mv="3900", X_RSSI="-60", X_Firmware_Version="1.2"))
    row = Device.objects.get()
    assert (row.battery_mv, row.rssi_dbm, row.firmware_version, row.last_address) == (
        3900,
        -60,
        "1.2",
        "127.0.0.1",
    )
    assert row.last_seen_at and panel_requests.address_of(request()) == "127.0.0.1"


@pytest.mark.django_db
def test_who_tries_many_keys_is_told_to_wait(monkeypatch):
    monkeypatch.setattr(panel_requests, "_failed_tries", FailedTries(per_second=1, burst=2))
    answers = []
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            find_panel(request(), "no-key")
        answers.append(refused.value.answer())
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[-1]["Retry-After"] == "1" and b'"err": "rate"' in answers[-1].content
