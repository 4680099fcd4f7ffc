"""What Status says of processes of which there may be many."""

import socket
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from devices.events import heartbeats
from devices.leases.models import GATEWAY_TTL_S, Lease, LeaseKind
from photohub.beat.hold import Hold
from photohub.gateway.state import LOG_HEARTBEAT
from photohub.status import parts as status
from photohub.status.part import Part

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _a_worker() -> None:
    heartbeats.note("worker", True)


def worker() -> Part:
    return next(part for part in status.collect_needed() if part.key == "worker")


def test_without_any_beat_nothing_is_said_of_a_schedule():
    assert worker().state == "ok" and not worker().figures


def test_which_beat_holds_the_schedule_and_which_wait():
    first, second = Hold(), Hold()
    assert first.keep() and not second.keep()
    told = dict(worker().figures)
    assert told["Schedule held by"] == first.process.place
    assert told["Waiting for the schedule"] == second.process.place
    assert worker().state == "ok"


def make_gateway(
    number: int, state: str = "live", devices: int = 0, silent_s: int = 0, **facts: int | None
) -> None:
    until = timezone.now() + timedelta(seconds=GATEWAY_TTL_S - 3 - silent_s)
    facts = {"state": state, "devices": devices, **facts}
    values = {"kind": LeaseKind.GATEWAY, "number": number, "holder": "word", "place": f"host{number}:7"}
    Lease.objects.create(name=f"gateway {number}", until=until, facts=facts, **values)


def broker() -> Part:
    heartbeats.note("broker", True)
    return next(part for part in status.collect_needed() if part.key == "broker")


def test_of_one_gateway_that_lives_nothing_more_is_said():
    make_gateway(1, devices=7)
    assert not broker().figures


def test_gateways_with_their_share_and_their_last_sign_of_life():
    make_gateway(1, devices=7)
    make_gateway(2, devices=1, silent_s=60)
    make_gateway(3, state="joining")
    make_gateway(4, state="adopted")
    told = dict(broker().figures)
    assert broker().state == "ok"
    assert told["Gateway 1"].startswith("host1:7: 7 devices, heard ") and "silent since" in told["Gateway 2"]
    assert "connecting" in told["Gateway 3"] and "taken over" in told["Gateway 4"]


@pytest.mark.parametrize(("place", "is_alive"), [(socket.gethostname(), True), ("elsewhere", False)])
def test_the_health_check_of_a_gateway_asks_for_the_one_of_its_own_host(place, is_alive):
    heartbeats.note(LOG_HEARTBEAT, True)
    call_command("alive", "gateway", stdout=StringIO())
    make_gateway(1)
    Lease.objects.update(place=f"{place}:7")
    with nullcontext() if is_alive else pytest.raises(CommandError, match="not been heard"):
        call_command("alive", "gateway", stdout=StringIO())


def test_that_no_beat_holds_the_schedule_is_a_problem_when_none_took_it_for_half_a_minute():
    first = Hold()
    assert first.keep()
    rows = Lease.objects.filter(kind=LeaseKind.SCHEDULE)
    rows.update(until=timezone.now() - timedelta(seconds=20))
    assert worker().state == "ok"
    rows.update(until=timezone.now() - timedelta(seconds=31))
    assert (worker().state, "No beat" in worker().sentence) == ("problem", True)
    assert first.note_rung("sweep") and worker().state == "ok"


def test_a_gateway_whose_messages_are_stuck_is_a_problem_though_others_go_on():
    make_gateway(1, devices=3)
    make_gateway(2, devices=4, stuck_s=40)
    found = broker()
    assert found.state == "problem" and "none was processed" in found.sentence
    assert found.since < timezone.now() - timedelta(seconds=39)


def test_a_gateway_that_does_not_reach_the_broker_is_named_though_others_do():
    make_gateway(1, devices=7)
    make_gateway(2, state="joining", away_s=30)
    assert broker().state == "ok"
    Lease.objects.filter(number=2).update(facts={"state": "joining", "away_s": 90})
    assert (broker().state, "Gateway 2 (host2:7)" in broker().sentence) == ("warning", True)
