"""Two beats: each thing is rung for once in its interval, also when the holder of the schedule is killed."""

import contextlib
import itertools
import json
import signal
import threading
import time
from collections.abc import Iterator

import redis
from django.conf import settings

from tests.faults.rounds import rounds
from tests.production.stack import SECRETS, Stack, wait_for

TAKEN_OVER_S = 30.0
# A tick of the beat, and a machine that others use too.
NOISE_S = 2.5


class Rung:
    """What the beats send to the workers, as Redis sees it."""

    def __init__(self, stack: Stack) -> None:
        self.times: dict[str, list[float]] = {}
        self._client = redis.Redis(port=stack.ports["redis"], password=SECRETS["REDIS_PASSWORD"])
        self._listening = threading.Event()
        self._stopped = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        thread = threading.Thread(target=self._listen)
        thread.start()
        assert self._listening.wait(10)
        try:
            yield
        finally:
            self._stopped = True
            self._client.ping()
            thread.join(10)
            self._client.close()

    def _listen(self) -> None:
        with self._client.monitor() as monitor:
            self._listening.set()
            for command in monitor.listen():
                if self._stopped:
                    return
                self._note(command["command"])

    def _note(self, command: str) -> None:
        if not command.upper().startswith("LPUSH CELERY "):
            return
        task = json.loads(command.split(" ", 2)[2])["headers"]["task"]
        self.times.setdefault(task, []).append(time.monotonic())

    def gaps(self, task: str) -> list[float]:
        times = self.times.get(task, [])
        return [after - before for before, after in itertools.pairwise(times)]


def holder(stack: Stack) -> str:
    """Return the name of the beat that holds the schedule by now."""
    sql = "SELECT place FROM devices_lease WHERE kind = 'schedule' AND holder <> '' AND until > now()"
    pids = {place.rpartition(":")[2] for (place,) in stack.query(sql)}
    return next(
        (n for n in ("beat", "beat1") if n in stack.processes and str(stack.processes[n].pid) in pids), ""
    )


def waiting(stack: Stack) -> int:
    [(count,)] = stack.query("SELECT count(*) FROM devices_lease WHERE kind = 'beat' AND until > now()")
    return count


def test_each_thing_is_rung_for_once_in_its_interval_also_when_the_holder_is_killed(stack: Stack) -> None:
    rung = Rung(stack)
    stack.start("beat1")
    try:
        with rung.heard():
            wait_for("a second beat waits", lambda: holder(stack) and waiting(stack) == 1, 60)
            wait_for("it rings", lambda: rung.times.get("devices.tasks.sweep"), 30)
            for _ in range(rounds(1)):
                killed = holder(stack)
                stack.stop(killed, signal.SIGKILL)
                began_s = time.monotonic()
                wait_for("another rings", lambda n=killed: holder(stack) not in ("", n), TAKEN_OVER_S)
                wait_for(
                    "it rang",
                    lambda s=began_s: rung.times.get("devices.tasks.sweep", [0.0])[-1] > s,
                    TAKEN_OVER_S,
                )
                stack.start(killed)
                wait_for("the other waits", lambda: waiting(stack) == 1, 60)
    finally:
        stack.stop("beat1")
        if "beat" not in stack.processes:
            stack.start("beat")
    for each in settings.CELERY_BEAT_SCHEDULE.values():
        gaps = rung.gaps(each["task"])
        assert min(gaps, default=each["schedule"]) > each["schedule"] - NOISE_S, (each, gaps)
        assert max(gaps, default=0) < each["schedule"] + TAKEN_OVER_S, (each, gaps)
    assert rung.gaps("devices.tasks.sweep")
