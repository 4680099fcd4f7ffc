"""Who is let in to the embedded broker, and how often somebody may guess."""

import pytest

from devices.protocol.mqtt.packets import Connect
from photohub.broker.accounts import Account
from photohub.embedded import hub
from photohub.lib.database import commits

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


@pytest.fixture
def asked(broker_end, monkeypatch):
    """Let nobody be unwanted; returns the accounts that the database was asked about, each time."""
    questions: list[list[Account]] = []
    monkeypatch.setattr(hub, "no_longer_valid", lambda accounts: questions.append(accounts) or [])
    monkeypatch.setattr(commits, "count_commits", lambda: 7)
    return questions


async def test_accounts_are_asked_about_again_when_one_came_or_something_was_committed(
    broker_end, asked, monkeypatch
):
    yard = Account("yard", "device", (), ())
    for connected in ([PORCH], [PORCH], [PORCH, yard], [PORCH, yard], [yard]):
        assert await broker_end._revalidate(connected) == []
    assert asked == [[PORCH], [PORCH, yard]]
    monkeypatch.setattr(commits, "count_commits", lambda: 8)
    await broker_end._revalidate([yard])
    assert asked[2:] == [[yard]]


async def test_a_person_is_asked_about_each_time_because_a_token_ends_by_itself(broker_end, asked):
    ada = Account("ada", "person", (), ())
    for _ in range(3):
        await broker_end._revalidate([PORCH, ada])
    assert len(asked) == 3


async def test_crowds_cost_the_database_nothing_while_there_are_none(broker_end, monkeypatch):
    noted = []
    monkeypatch.setattr(hub.overload, "note", lambda _name, count, _limit: noted.append(count) or count > 0)
    for turned_away in (0, 0, 3, 0, 0):
        await broker_end._crowd(turned_away, 10)
    assert noted == [0, 3, 0]
