"""Two processes that change the same rows at the same time wait for each other, and never in a circle."""

import json
import subprocess
import sys

from tests.faults.rounds import rounds
from tests.production.stack import ROOT, Stack

SHORT = 4
LONG = 1000
CAMERAS = 30


def start_twin(stack: Stack, seed: int, count: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.production.same_rows", str(seed), str(count)]
    env = stack.environment("web") | {"REDIS_URL": "", "PHOTOHUB_MQTT_URL": "", "PHOTOHUB_MQTT_DYNSEC": ""}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=env, **pipes)


def run_rounds(twins: list[subprocess.Popen], count: int) -> list[dict]:
    """Let both do each round at the same time. Returns what each says of all."""
    for _ in range(count):
        for twin in twins:
            assert twin.stdout.readline()
        for twin in twins:
            twin.stdin.write("\n")
            twin.stdin.flush()
    return [json.loads(twin.stdout.read().splitlines()[-1]) for twin in twins]


def test_the_same_cameras_in_two_processes_never_wait_in_a_circle(stack):
    count = LONG if rounds(1) > 1 else SHORT
    for number in range(CAMERAS):
        stack.console.run("add_device", f"twin-{number}", "--profile", "generic", "--json")
    before = deadlocks(stack)
    twins = [start_twin(stack, seed, count) for seed in (1, 2)]
    try:
        told = run_rounds(twins, count)
    finally:
        for twin in twins:
            twin.kill()
    assert deadlocks(stack) == before
    assert [one for one in told if set(one) - {"stored"}] == []


def deadlocks(stack: Stack) -> int:
    ((count,),) = stack.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return count


def test_an_event_that_is_committed_late_is_told_to_who_asks_what_happened_since(stack):
    code = "from tests.production.late_commit import check; check()"
    assert stack.manage("shell", "--no-imports", "-c", code).strip() == "nothing is lost"
