import asyncio
from contextlib import asynccontextmanager

import pytest

from devices import mqtt


class Enough(Exception):
    pass


async def test_a_broker_that_is_back_after_hours_is_served_again_within_fifteen_seconds(monkeypatch):
    pauses_s = []

    @asynccontextmanager
    async def connect(address):
        raise mqtt.MqttDown("refused")
        yield

    async def sleep(pause_s: float) -> None:
        pauses_s.append(pause_s)
        if len(pauses_s) == 30:
            raise Enough

    monkeypatch.setattr(mqtt, "connect", connect)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Enough):
        await mqtt.keep_connected(mqtt.Address("localhost", 1883), session=None, tell=hear_nothing)
    # What is left of the time is for the connection and the session.
    assert pauses_s == sorted(pauses_s) and pauses_s[0] == 1 and pauses_s[-1] <= 10


async def hear_nothing(ok: bool, sentence: str) -> None:
    pass
