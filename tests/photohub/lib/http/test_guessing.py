import pytest
from django.test import Client, RequestFactory

from devices.firmware.endpoints import call as firmware_call
from devices.keys import tokens as api_tokens
from devices.panels.fetching import requests as panel_requests
from devices.setup import adding
from media_pipeline.links import views as links
from media_pipeline.streams.tcp import StreamClaim
from photohub.gateway import streams
from photohub.lib.http import guessing, rates
from photohub.lib.http.guessing import FailedTries, source_of
from tests.builders import make_capture, make_device, make_user


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::99", "2001:db8:1:2::/64"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_one_subscriber_is_one_source(address, source):
    assert source_of(address) == source


def test_after_too_many_misses_nothing_is_looked_up_until_it_is_time(monkeypatch):
    known, now = FailedTries(per_second=0.5, burst=3), [100.0]
    monkeypatch.setattr(guessing.time, "monotonic", lambda: now[0])
    assert [known.missed("10.0.0.7") for _ in range(4)] == [0, 0, 0, 2]
    assert (known.wait_s("10.0.0.7"), known.wait_s("10.0.0.8")) == (2, 0)
    now[0] += 2
    assert known.wait_s("10.0.0.7") == 0


def test_whoever_has_a_key_that_was_good_lately_is_let_through_beside_a_guesser(monkeypatch):
    known, now = FailedTries(per_second=1e-6, burst=1), [100.0]
    monkeypatch.setattr(guessing.time, "monotonic", lambda: now[0])
    known.found("good")
    assert [known.missed("10.0.0.7") for _ in range(2)][1]
    assert (
        known.wait_s("10.0.0.7", "good") == 0
        and known.wait_s("10.0.0.7", "other")
        and known.wait_s("10.0.0.7")
    )
    now[0] += guessing.GOOD_FOR_S + 1
    assert known.wait_s("10.0.0.7", "good")


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(guessing, "REMEMBERED_AT_MOST", 10)
    known = FailedTries()
    known._failures = rates.Buckets(10, 50, keys_at_most=10)
    for number in range(100):
        known.found(f"key {number}")
        known.missed(f"10.0.0.{number}")
    assert len(known._good) == len(known._failures._state) == 10


def ask_for_panel(client, secret):
    try:
        return 200 if panel_requests.find_panel(RequestFactory().get("/panel/next"), secret) else 0
    except panel_requests.Refused as refused:
        return refused.status


def ask_for_link(client, secret):
    return client.get(f"/p/{secret}").status_code


def ask_api(client, secret):
    return client.get("/api/v1/devices", headers={"Authorization": f"Bearer {secret}"}).status_code


def ask_for_file(client, secret):
    path = "/devices/porch/latest.jpg"
    return client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code


def ask_for_firmware(client, secret):
    try:
        return firmware_call.find_caller(secret, "127.0.0.1").code
    except firmware_call.Refused as refusal:
        refusal = firmware_call.slow_down(refusal, "127.0.0.1")
        return 429 if refusal.word == "rate" else 404


ENDPOINTS = [
    (ask_for_panel, panel_requests, "_failed_tries"),
    (ask_for_link, links, "_failed_tries"),
    (ask_api, api_tokens, "_failed_tries"),
    (ask_for_file, api_tokens, "_failed_tries"),
    (ask_for_firmware, firmware_call, "_FAILED_TRIES"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ask", "module", "name"), ENDPOINTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_guesser_costs_the_database_nothing_and_his_neighbour_is_served(
    ask, module, name, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(module, name, FailedTries(per_second=0.001, burst=3))
    good, client = _secret_for(ask), Client()
    before = ask(client, good)
    assert before not in (401, 404, 429)
    answers = [ask(client, f"wrong{number}") for number in range(4)]
    assert answers[:3] == [answers[0]] * 3 and answers[0] in (401, 404) and answers[3] == 429
    with django_assert_num_queries(0):
        assert ask(client, "another") == 429
    assert ask(client, good) == before


def _secret_for(ask) -> str:
    if ask is ask_for_link:
        return make_capture(make_device()).code
    new = adding.add_device(code="porch", name="Porch", profile="panel")
    if ask in (ask_api, ask_for_file):
        make_capture(new.device)
        return api_tokens.new_token(make_user("olga", "owner"), "program")[1]
    return new.key


@pytest.mark.django_db
def test_a_stream_of_a_stranger_is_looked_up_only_so_often(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(streams, "_failed_tries", FailedTries(per_second=0.001, burst=2))
    key = adding.add_device(code="porch", name="Porch", profile="generic").key
    claim = StreamClaim("127.0.0.1", "porch", key)
    assert streams._whose(claim) == "porch"
    for number in range(3):
        assert streams._whose(StreamClaim("127.0.0.1", "porch", f"wrong{number}")) is None
    with django_assert_num_queries(0):
        assert streams._whose(StreamClaim("127.0.0.1", "porch", "another")) is None
    assert streams._whose(claim) == "porch"
