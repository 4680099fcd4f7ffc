import pytest

from devices.firmware.endpoints import call as calls
from devices.firmware.endpoints.call import Call, Gone, Refused, find_caller, refusal_of, slow_down
from devices.firmware.errors import FirmwareAway, FirmwareBroken, FirmwareRefused
from photohub.lib.http.guessing import FailedTries
from tests.builders import make_device


def make_call(*pieces: bytes, **headers: str) -> Call:
    """Return a request with these headers and a body in these pieces; nothing more ever comes."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"method": "GET", "headers": named, "client": ("192.0.2.7", 1), "query_string": b"module=stm32"}

    async def receive():
        if left:
            message = left.pop(0)
            return message | {"more_body": bool(left)}
        return {"type": "http.disconnect"}

    return Call(scope, receive, None, {})


@pytest.mark.parametrize(
    "headers",
    [{"x_device_key": " k1 "}, {"authorization": "Bearer k1"}, {"authorization": "TargetToken k1"}],
)
def test_a_key_may_come_by_each_of_its_names(headers):
    assert make_call(**headers).key == "k1"


def test_a_gateways_token_is_no_devices_key():
    assert make_call(authorization="GatewayToken k1").key == ""


def test_the_hub_is_where_the_device_came_to(settings):
    settings.ALLOWED_HOSTS, settings.PHOTOHUB_URL = ["hub.example"], "https://other.example"
    assert make_call(host="hub.example:8000").hub_url == "http://hub.example:8000"
    assert make_call(host="evil.example").hub_url == "https://other.example"
    call = make_call(host="hub.example")
    call.scope["scheme"] = "https"
    assert call.hub_url == "https://hub.example"


@pytest.mark.parametrize("name", ["authorization", "x-device-key", "range", "if-range", "host"])
def test_of_two_lines_that_decide_none_is_believed(name):
    call = make_call()
    call.headers[name] = None
    with pytest.raises(Refused, match=f"Two {name.title()} headers") as refused:
        _ = (call.key, call.hub_url, call.header("range"), call.header("if-range"))
    assert refused.value.status == 400


def test_the_query_is_read():
    assert (make_call().query("module"), make_call().query("x")) == ("stm32", "")


async def test_a_body_is_read_up_to_its_limit():
    assert await make_call(b"ab", b"c").read_body(3) == b"abc"
    with pytest.raises(Refused, match="too_large"):
        await make_call(b"ab", b"cd").read_body(3)
    with pytest.raises(Gone):
        await make_call().read_body(3)


@pytest.mark.parametrize(
    ("error", "word", "status"),
    [
        (FirmwareBroken("integrity", "x"), "integrity", 500),
        (FirmwareAway("disk", "x"), "disk", 503),
        (FirmwareRefused("revoked_key", "x"), "revoked_key", 403),
    ],
)
def test_every_reason_to_keep_an_image_back_has_its_status(error, word, status):
    refusal = refusal_of(error)
    assert (refusal.word, refusal.status) == (word, status)


def test_who_tries_many_keys_is_slowed_down(monkeypatch):
    monkeypatch.setattr(calls, "_FAILED_TRIES", FailedTries(per_second=0.1, burst=1))
    wrong = Refused("auth", "x")
    assert slow_down(wrong, "192.0.2.7") is wrong
    assert slow_down(wrong, "192.0.2.7").status == 429
    assert slow_down(wrong, "192.0.2.8") is wrong
    assert slow_down(Refused("busy", "x"), "192.0.2.7").word == "busy"


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "wrong"])
def test_nobody_gets_in_without_a_live_key(key):
    make_device("porch")
    with pytest.raises(Refused, match="auth"):
        find_caller(key, "192.0.2.7")
