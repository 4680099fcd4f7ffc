"""Two processes that change the same rows at the same time wait for each other, and never in a circle."""

import json
import signal

from tests.console import Piped, begin_piped
from tests.faults.rounds import rounds
from tests.production.stack import ROOT, Stack

SHORT = 4
LONG = 1000
CAMERAS = 30
_ALONE = {"REDIS_URL": "", "PHOTOHUB_MQTT_URL": "", "PHOTOHUB_MQTT_DYNSEC": ""}


def run_code(stack: Stack, code: str) -> str:
    """Run Python in the environment of the stack, and return what it printed."""
    return stack.console.run("shell", "--no-imports", "-c", code).strip()


def start_twin(stack: Stack, seed: int, count: int) -> Piped:
    program = ROOT / "tests" / "production" / "same_rows.py"
    return begin_piped(program, [str(seed), str(count)], stack.environment("web") | _ALONE)


def run_rounds(twins: list[Piped], count: int) -> list[dict]:
    """Let both do each round at the same time. Returns what each says of all."""
    for _ in range(count):
        for twin in twins:
            assert twin.answers.readline()
        for twin in twins:
            twin.tell("")
    return [json.loads(twin.answers.read().splitlines()[-1]) for twin in twins]


def test_the_same_cameras_in_two_processes_never_wait_in_a_circle(stack):
    count = LONG if rounds(1) > 1 else SHORT
    run_code(stack, f"from tests.production.same_rows import make; make({CAMERAS})")
    before = deadlocks(stack)
    twins = [start_twin(stack, seed, count) for seed in (1, 2)]
    try:
        told = run_rounds(twins, count)
    finally:
        for twin in twins:
            twin.process.send_signal(signal.SIGKILL)
    assert deadlocks(stack) == before
    assert [one for one in told if set(one) - {"stored"}] == []


def deadlocks(stack: Stack) -> int:
    ((count,),) = stack.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return count


def test_an_event_that_is_committed_late_is_told_to_who_asks_what_happened_since(stack):
    assert run_code(stack, "from tests.production.late_commit import check; check()") == "nothing is lost"
