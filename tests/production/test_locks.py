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


def hear_together(twins: list[Console], count: int) -> list[list[str]]:
    """Let both store pictures that each of them heard. Returns the ids that they were told, a pair for each picture."""
    with ThreadPoolExecutor(len(twins)) as both:
        lines = (f"from tests.production import same_rows; print(same_rows.hear({n}))" for n in range(count))
        return [list(both.map(run_code, twins, [line] * len(twins))) for line in lines]


def test_the_same_cameras_in_two_processes_never_wait_in_a_circle(stack):
    run_code(stack.console, f"from tests.production import same_rows; same_rows.make({CAMERAS})")
    before = deadlocks(stack)
    twins = [Console(stack.environment("web") | _ALONE) for _ in range(2)]
    try:
        told = run_rounds(twins, LONG if is_long() else SHORT)
        heard = hear_together(twins, LONG if is_long() else 3 * SHORT)
    finally:
        for twin in twins:
            twin.close()
    assert deadlocks(stack) == before
    assert [one for one in told if set(one) - {"stored"}] == []
    # A camera moved, and both heard the picture: whoever was second answers with the row of the first.
    assert [pair for pair in heard if len(set(pair)) > 1] == []


def deadlocks(stack: Stack) -> int:
    ((count,),) = stack.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return count


def test_an_event_that_is_committed_late_is_told_to_who_asks_what_happened_since(stack):
    assert (
        run_code(stack.console, "from tests.production.late_commit import check; check()")
        == "nothing is lost"
    )
