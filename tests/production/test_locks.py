"""Two processes that change the same rows at the same time wait for each other, and never in a circle."""

import json
from concurrent.futures import ThreadPoolExecutor

from tests.console import Console
from tests.faults.rounds import is_long
from tests.production.stack import Stack

SHORT = 4
LONG = 1000
CAMERAS = 30
# Nobody but the two works on these pictures.
_ALONE = {"REDIS_URL": "", "PHOTOHUB_MQTT_URL": "", "PHOTOHUB_MQTT_DYNSEC": ""}


def run_code(console: Console, code: str) -> str:
    """Run Python in a console, and return what it printed."""
    return console.run("shell", "--no-imports", "-c", code).strip()


def run_rounds(twins: list[Console], count: int) -> list[dict]:
    """Let both do each round at the same time. Returns what each says of all."""

    def do(calls: list[str]) -> list[str]:
        lines = (f"from tests.production import same_rows; same_rows.{call}" for call in calls)
        return list(both.map(run_code, twins, lines))

    with ThreadPoolExecutor(len(twins)) as both:
        do([f"begin({seed})" for seed, _twin in enumerate(twins)])
        for number in range(count):
            do([f"work({number})"] * len(twins))
        return [json.loads(said) for said in do(["say_outcomes()"] * len(twins))]


def test_the_same_cameras_in_two_processes_never_wait_in_a_circle(stack):
    run_code(stack.console, f"from tests.production import same_rows; same_rows.make({CAMERAS})")
    before = deadlocks(stack)
    twins = [Console(stack.environment("web") | _ALONE) for _ in range(2)]
    try:
        told = run_rounds(twins, LONG if is_long() else SHORT)
    finally:
        for twin in twins:
            twin.close()
    assert deadlocks(stack) == before
    assert [one for one in told if set(one) - {"stored"}] == []


def deadlocks(stack: Stack) -> int:
    ((count,),) = stack.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return count


def test_an_event_that_is_committed_late_is_told_to_who_asks_what_happened_since(stack):
    assert (
        run_code(stack.console, "from tests.production.late_commit import check; check()")
        == "nothing is lost"
    )
