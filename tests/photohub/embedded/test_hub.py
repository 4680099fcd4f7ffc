"""Who is let in to the embedded broker, and how often somebody may guess."""

import pytest

from devices.protocol.mqtt.packets import Connect
from photohub.broker.accounts import Account
from photohub.embedded import hub

PORCH = Account("porch", "device", (), ())


class _Gateway:
    async def listen_to(self, _topics) -> None:
        pass


@pytest.fixture
def broker_end(monkeypatch):
    """Return the hub's end of logins; the passwords that were looked up stand in `looked_up`."""
    made = hub.Hub(None, None, ("", 0))
    made._gateway, made.looked_up = _Gateway(), []

    def find_account(connect):
        made.looked_up.append(connect.password)
        return PORCH if connect.password == b"right" else None

    async def in_thread(function, *args):
        return function(*args)

    monkeypatch.setattr(hub, "find_account", find_account)
    monkeypatch.setattr(hub, "in_thread", in_thread)
    monkeypatch.setattr(hub.logins, "note_refused_mqtt", lambda *_said: None)
    return made


def log_in(end, password: bytes):
    return end._authenticate(Connect(client_id="c", username="porch", password=password), "192.168.1.9")


async def test_a_guesser_keeps_no_known_device_behind_his_address_out(broker_end):
    assert await log_in(broker_end, b"right") is PORCH
    for number in range(30):
        assert await log_in(broker_end, b"%d" % number) is None
    assert len(broker_end.looked_up) < 30
    assert await log_in(broker_end, b"right") is PORCH
