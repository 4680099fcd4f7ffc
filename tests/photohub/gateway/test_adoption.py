"""What waits at a real Mosquitto under the name of a gateway that died is handed in by another, and then forgotten."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import aiomqtt
import pytest

from devices.leases import holding
from devices.leases.models import Lease, LeaseKind
from devices.mqtt.client import connect
from photohub.gateway import adoption
from photohub.gateway.adoption import Adoption
from tests.brokers import running_mosquitto

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mosquitto(tmp_path):
    with running_mosquitto(tmp_path) as address:
        yield address


async def make_dead(number: int) -> holding.Seen:
    await Lease.objects.acreate(name="dead", kind=LeaseKind.GATEWAY, number=number, holder="nobody")
    [seen] = await asyncio.to_thread(holding.read, pk="dead")
    return seen


async def test_what_waited_is_handed_in_as_repeated_and_the_session_ends(mosquitto, monkeypatch):
    monkeypatch.setattr(adoption, "_OTHERS_SUBSCRIBE_S", 0.0)
    dead = replace(mosquitto, client_id="photohub-gateway-2")
    async with connect(dead) as link:
        await link.subscribe(["photohub/+/frame"])
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as camera:
        for number in range(300):
            await camera.publish("photohub/porch/frame", str(number), qos=1)
    taken = []

    async def take(_link, message) -> None:
        taken.append(message)
        asyncio.get_running_loop().call_soon(message.ack)

    member = SimpleNamespace(process=holding.Process(), living=("f" * 16,), orphaned=[await make_dead(2)])
    adopting = Adoption(
        member, lambda number: replace(mosquitto, client_id=f"photohub-gateway-{number}"), take
    )
    async with asyncio.timeout(20):
        await adopting._adopt(member.orphaned[0])
    assert [int(message.payload) for message in taken] == list(range(300))
    assert {message.repeated for message in taken} == {True}
    assert not await Lease.objects.filter(pk="dead").aexists()
    async with connect(dead) as link:
        assert not link.resumed


async def test_another_that_was_faster_leaves_nothing_to_do(mosquitto):
    seen = await make_dead(2)
    assert await asyncio.to_thread(holding.take, seen, holding.Process(), 10.0)
    member = SimpleNamespace(process=holding.Process(), living=("f" * 16,), orphaned=[seen])
    await Adoption(member, lambda number: mosquitto, None)._adopt(seen)
    assert await Lease.objects.filter(pk="dead").aexists()


async def test_a_fault_with_one_session_keeps_no_other_from_its_turn(monkeypatch, caplog):
    tried, done = [], asyncio.Event()

    async def adopt(_self, seen) -> None:
        tried.append(seen)
        if seen == "second":
            done.set()
        raise ValueError(seen)

    # The log names the row of each.
    rows = [SimpleNamespace(row=SimpleNamespace(pk=name)) for name in ("first", "second")]
    monkeypatch.setattr(Adoption, "_adopt", lambda self, seen: adopt(self, seen.row.pk))
    running = asyncio.create_task(Adoption(SimpleNamespace(orphaned=rows), None, None).run())
    async with asyncio.timeout(10):
        await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert tried == ["first", "second"]
    assert "The session of first could not be taken over" in caplog.text
