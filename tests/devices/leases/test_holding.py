"""Leases of processes: taken by one, seen to be dead by how long they were not renewed, whatever the clocks say."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.leases import holding
from devices.leases.models import Lease, LeaseKind

pytestmark = pytest.mark.django_db
TTL_S = 10.0


@pytest.fixture
def one() -> holding.Process:
    return holding.Process()


@pytest.fixture
def other() -> holding.Process:
    return holding.Process()


def seen() -> holding.Seen:
    holding.make("it", LeaseKind.SCHEDULE)
    [found] = holding.read(pk="it")
    return found


def test_one_of_two_who_saw_it_free_takes_it_and_hears_when_it_was_taken_from_him(one, other):
    free = seen()
    assert not free.holds_by(TTL_S)
    assert holding.take(free, one, TTL_S) and not holding.take(free, other, TTL_S)
    assert seen().holds_by(TTL_S) and holding.renew("it", one, TTL_S)
    assert holding.take(seen(), other, TTL_S)
    assert not holding.renew("it", one, TTL_S) and holding.renew("it", other, TTL_S)


def test_a_lease_that_was_given_back_is_free_at_once(one, other):
    assert holding.take(seen(), one, TTL_S)
    holding.give_back("it", other)
    assert seen().holds_by(TTL_S)
    holding.give_back("it", one)
    assert not seen().holds_by(TTL_S) and holding.take(seen(), other, TTL_S)


def renew_later(one) -> None:
    """Renew it at another millisecond than before: the database's time has no finer parts."""
    before = seen().row.until
    while seen().row.until == before:
        holding.renew("it", one, TTL_S)


def test_a_lease_dies_when_it_was_not_renewed_for_its_time(one):
    now = [100.0]
    watch = holding.Watch(TTL_S, lambda: now[0])
    assert holding.take(seen(), one, TTL_S)
    for _ in range(3):
        now[0] += 4
        renew_later(one)
        assert watch.live([seen()])
    now[0] += 4.9
    assert watch.live([seen()])
    now[0] += 4.9
    assert watch.live([seen()])
    now[0] += 0.3
    assert not watch.live([seen()])


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_jump_of_the_databases_clock_ends_no_lease_and_keeps_none_alive(one, jump):
    now = [100.0]
    watch = holding.Watch(TTL_S, lambda: now[0])
    assert holding.take(seen(), one, TTL_S)
    assert watch.live([seen()])
    now[0] += 4
    later = holding.Seen(Lease.objects.get(pk="it"), timezone.now() + jump)
    assert watch.live([later])
    now[0] += 4
    assert watch.live([later])
    now[0] += 4
    assert not watch.live([later])
    # Whoever comes new has only the database's word: what lies far ahead of it binds nobody.
    assert not holding.Watch(TTL_S, lambda: now[0]).live([later])


def test_who_could_not_look_for_a_while_gives_the_others_their_time(one):
    now = [100.0]
    watch = holding.Watch(TTL_S, lambda: now[0])
    assert holding.take(seen(), one, TTL_S)
    assert watch.live([seen()])
    now[0] += 60
    assert watch.live([seen()])
    now[0] += 4.9
    assert watch.live([seen()])
    now[0] += 0.2
    assert not watch.live([seen()])


def test_what_nobody_held_for_an_hour_is_dropped(one):
    assert holding.take(seen(), one, TTL_S)
    holding.drop_old(LeaseKind.SCHEDULE)
    assert Lease.objects.count() == 1
    for away in (timedelta(hours=-2), timedelta(hours=2)):
        Lease.objects.update(until=timezone.now() + away)
        holding.drop_old(LeaseKind.BEAT)
        holding.drop_old(LeaseKind.SCHEDULE)
        assert not Lease.objects.exists()
        assert holding.take(seen(), one, TTL_S)
