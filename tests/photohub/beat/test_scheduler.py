"""Several beats in one process, with one clock that the test moves: who rings, for what, and when."""

import itertools
from collections import Counter

import pytest
from celery import Celery
from django.db import OperationalError

from devices.leases import holding
from devices.leases.models import Lease, LeaseKind
from photohub.beat import hold as holds
from photohub.beat.hold import Hold
from photohub.beat.scheduler import HeldScheduler
from photohub.lib.messaging import schedule

pytestmark = pytest.mark.django_db(transaction=True)
SCHEDULE = {"often": {"task": "often", "schedule": 5.0}, "seldom": {"task": "seldom", "schedule": 60.0}}


class Beats:
    """Beats that tick when the test lets time go on, and what they rang for."""

    def __init__(self, monkeypatch) -> None:
        self.now_s = 1000.0
        self.rung: list[tuple[float, str, int]] = []
        self.wakes: dict[HeldScheduler, float] = {}
        monkeypatch.setattr(schedule.time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(HeldScheduler, "producer", None)
        monkeypatch.setattr(
            schedule.SteadyScheduler,
            "apply_entry",
            lambda beat, entry, producer=None: self.rung.append((self.now_s, entry.name, id(beat))),
        )

    def begin(self) -> HeldScheduler:
        app = Celery("beats", broker="memory://", set_as_current=False)
        app.conf.beat_schedule = SCHEDULE
        beat = HeldScheduler(app=app, hold=Hold(lambda: self.now_s))
        self.wakes[beat] = self.now_s
        return beat

    def go_on(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            for beat in [beat for beat, at in self.wakes.items() if at <= self.now_s]:
                while not (pause_s := beat.tick()):
                    pass
                self.wakes[beat] = self.now_s + pause_s
            self.now_s += 0.25

    def gaps(self, name: str) -> list[float]:
        times = [at for at, rung, _beat in self.rung if rung == name]
        return [after - before for before, after in itertools.pairwise(times)]


@pytest.fixture
def beats(monkeypatch) -> Beats:
    return Beats(monkeypatch)


def test_of_three_beats_one_rings_and_each_thing_once_in_its_interval(beats):
    for _ in range(3):
        beats.begin()
    beats.go_on(130)
    assert len({beat for _at, _name, beat in beats.rung}) == 1
    assert Counter(name for _at, name, _beat in beats.rung) in (
        {"often": 25, "seldom": 2},
        {"often": 26, "seldom": 2},
    )
    assert min(beats.gaps("often")) > 4.9 and max(beats.gaps("often")) < 5.6
    assert Lease.objects.filter(kind=LeaseKind.BEAT).count() == 2


def test_when_the_holder_dies_another_goes_on_where_it_ended(beats):
    first = beats.begin()
    beats.go_on(5)
    beats.begin()
    beats.go_on(70)
    del beats.wakes[first]
    beats.go_on(70)
    assert {beat for _at, _name, beat in beats.rung[:10]} == {id(first)}
    assert id(first) != beats.rung[-1][2]
    assert max(beats.gaps("often")) < 30 and min(beats.gaps("often")) > 4.9
    # It had been rung for by the first; the second neither rings at once nor begins its time anew.
    assert 59 < beats.gaps("seldom")[0] < 64


def test_a_beat_that_ends_in_order_lets_another_go_on_at_once(beats):
    first, _second = beats.begin(), beats.begin()
    beats.go_on(20)
    first.close()
    del beats.wakes[first]
    beats.go_on(20)
    assert max(beats.gaps("often")) < 8.5 and min(beats.gaps("often")) > 4.9
    assert not Lease.objects.filter(kind=LeaseKind.BEAT).exists()


def test_a_beat_that_was_thought_dead_rings_for_nothing_more(beats):
    first, second = beats.begin(), beats.begin()
    beats.go_on(12)
    # It is stopped for a while, and does not know.
    beats.wakes[first] = beats.now_s + 40
    beats.go_on(39)
    assert second.hold.is_ours and first.hold.is_ours
    before = len(beats.rung)
    while first.tick() == 0:
        pass
    assert not first.hold.is_ours and len(beats.rung) == before
    beats.go_on(30)
    assert min(beats.gaps("often")) > 4.9


def test_without_the_database_nobody_rings_and_the_holder_goes_on_when_it_is_back(beats, monkeypatch):
    first, second = beats.begin(), beats.begin()
    beats.go_on(12)
    before = len(beats.rung)

    def away(*_args):
        raise OperationalError("away")

    with monkeypatch.context() as without:
        without.setattr(holds, "tidy", away)
        beats.go_on(60)
    assert len(beats.rung) == before and not second.hold.is_ours
    beats.go_on(20)
    assert first.hold.is_ours and not second.hold.is_ours
    assert len(beats.rung) > before and min(beats.gaps("often")) > 4.9


def test_a_new_start_after_a_while_rings_at_once_for_what_is_long_due(beats):
    first = beats.begin()
    beats.go_on(64)
    first.close()
    del beats.wakes[first]
    holding.Lease.objects.update(facts={"rung": {"often": 0.0, "seldom": 0.0}})
    beats.begin()
    beats.go_on(1)
    assert [name for _at, name, _beat in beats.rung[-2:]] in (["often", "seldom"], ["seldom", "often"])
