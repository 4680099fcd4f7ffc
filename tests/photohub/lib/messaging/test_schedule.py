from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery

from photohub.lib.messaging import schedule
from photohub.lib.messaging.schedule import SteadyScheduler

SCHEDULE = {"often": {"task": "often", "schedule": 5.0}, "seldom": {"task": "seldom", "schedule": 30.0}}


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400), timedelta(0)])
def test_a_clock_that_jumps_stops_no_sweep_and_sends_none_twice(monkeypatch, jump):
    now, due = [1000.0], []
    monkeypatch.setattr(schedule.time, "monotonic", lambda: now[0])
    app = Celery("clock", broker="memory://")
    app.conf.beat_schedule = SCHEDULE
    began = datetime(2026, 1, 1, tzinfo=UTC)
    app.now = lambda: began + timedelta(seconds=now[0]) + (jump if 1020 < now[0] < 1080 else timedelta(0))
    scheduler = SteadyScheduler(app=app)
    monkeypatch.setattr(scheduler, "apply_entry", lambda entry, producer=None: due.append(entry.name))
    monkeypatch.setattr(SteadyScheduler, "producer", None)
    while now[0] < 1121:
        if scheduler.tick():
            now[0] += 0.5
    assert (due.count("often"), due.count("seldom")) in {(24, 4), (23, 4), (24, 3), (23, 3)}
