"""Gateways that come, go, die and come again, in one process: who holds what, under which number."""

import fcntl
import os

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone

from devices.leases import holding
from devices.leases.models import Lease
from photohub.gateway import membership as memberships
from photohub.gateway.membership import Membership, State, claim_name

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The clock of all gateways, which the test moves."""
    clock = [1000.0]
    monkeypatch.setattr(memberships.holding, "Watch", lambda ttl_s: Watch(ttl_s, lambda: clock[0]))
    return clock


Watch = holding.Watch


async def live(name: str, *others: Membership) -> Membership:
    """Return a gateway that is connected and subscribed to its share; the others have seen it."""
    made = Membership(name)
    await made._look_once()
    await made.connected()
    await made.settle(made.share, 1)
    for other in others:
        await other._look_once()
    return made


def names(member: Membership) -> list[str]:
    return sorted(member.share.names)


async def pass_time(now: list[float], *members: Membership, seconds: float = 9.9) -> None:
    """Let time go on for gateways that live."""
    for _ in range(round(seconds / 1.1)):
        now[0] += 1.1
        for member in members:
            await member._look_once()


async def test_a_lone_gateway_holds_all_also_before_it_is_connected(now):
    one = Membership("a")
    await one._look_once()
    assert one.share.is_whole and one.is_alone and one.number == 1
    one = await live("b")
    assert one.number == 2


async def test_one_that_joins_is_counted_when_it_is_subscribed_and_not_before(now):
    one = await live("a")
    two = Membership("b")
    await two._look_once()
    await one._look_once()
    assert one.share.is_whole and two.share.names == {"a"} and not two.is_alone
    await two.connected()
    await one._look_once()
    assert one.share.is_whole and names(two) == ["a", "b"]
    await two.settle(two.share, 1)
    await one._look_once()
    assert names(one) == ["a", "b"] and (one.number, two.number) == (1, 2)


async def test_what_a_dead_gateway_held_is_another_s_within_the_time_of_its_lease(now):
    one = await live("a")
    two = await live("b", one)
    await pass_time(now, one, two, seconds=22)
    await pass_time(now, two, seconds=6.6)
    assert names(two) == ["a", "b"] and two.orphaned == []
    await pass_time(now, two, seconds=3)
    assert two.share.is_whole and [seen.row.pk for seen in two.orphaned] == ["a"]
    assert two.living == (two.process.word,)


async def test_who_lost_its_lease_hears_of_it_and_begins_anew_under_another_name_at_the_broker(now):
    one = await live("a")
    two = await live("b", one)
    await pass_time(now, two, seconds=12)
    [orphan] = two.orphaned
    adopted = {"state": State.ADOPTED}
    assert await sync_to_async(holding.take)(orphan, two.process, memberships.TTL_S, facts=adopted)
    await one._look_once()
    assert one.lost.is_set() and not one.number and one.share.names == {"b"}
    await sync_to_async(holding.drop)("a", two.process)
    await one._look_once()
    assert await one.ready() == 1 and not one.lost.is_set()


async def test_a_process_that_begins_again_takes_its_row_and_number_at_once(now):
    first = await live("a")
    await live("b", first)
    again = Membership("a")
    await again._look_once()
    assert (again.number, again.process.word != first.process.word) == (1, True)
    assert sorted(again.kept.names) == ["a"]
    await first._look_once()
    assert first.lost.is_set()


async def test_who_leaves_holds_nothing_and_waits_for_the_others(now):
    one = await live("a")
    two = await live("b", one)
    await one.settle(one.share, 1)
    two._state = State.LEAVING
    await two._look_once()
    assert two.share.names == {"a"} and not two._is_replaced()
    await one._look_once()
    await one.settle(one.share, 2)
    await two._look_once()
    assert one.share.is_whole and two._is_replaced()
    await two.forget()
    assert not await Lease.objects.filter(pk="b").aexists()


async def test_a_lone_gateway_that_leaves_hands_nothing_over_and_keeps_its_session(now):
    one = await live("a")
    assert not await one.leave()
    await one.stop()
    row = await Lease.objects.aget(pk="a")
    assert (row.holder, row.number) == ("", 1) and row.until <= timezone.now()
    two = await live("b")
    assert [seen.row.pk for seen in two.orphaned] == ["a"]


async def test_while_the_broker_is_away_for_all_they_share_what_needs_none(now):
    one = await live("a")
    two = await live("b", one)
    for member in (one, two, one):
        await member.disconnected()
    assert names(one) == names(two) == ["a", "b"]
    await one.connected()
    assert one.share.is_whole


async def test_who_cannot_renew_its_lease_makes_no_connection_under_a_name_that_another_may_have_by_now(
    now, monkeypatch
):
    one = await live("a")
    mono = [memberships.time.monotonic()]
    monkeypatch.setattr(memberships.time, "monotonic", lambda: mono[0])

    def away() -> None:
        raise OperationalError("away")

    with monkeypatch.context() as without:
        without.setattr(one, "_look", away)
        for passed_s, is_ready in ((5, True), (5, False)):
            mono[0] += passed_s
            await one._look_once()
            assert one._has_number.is_set() is is_ready and one.share.is_whole
    await one._look_once()
    assert await one.ready() == 1


def test_each_gateway_of_a_data_folder_has_a_name_that_it_gets_again(tmp_path):
    first, second = claim_name(tmp_path), claim_name(tmp_path)
    assert first != second and first.rpartition(".")[0] == second.rpartition(".")[0]
    held = os.open(tmp_path / "gateway.1.lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(held)
    other = tmp_path / "other"
    other.mkdir()
    assert claim_name(other).rpartition(".")[0] != first.rpartition(".")[0]
