"""Code 0 is a promise in the production form too: any process may die, or be stopped, at any moment under load."""

import random
import signal
import time

from tests.faults.ledger import Entry
from tests.faults.rounds import is_long, rounds
from tests.production.ledgers import MqttLedger, captures, check, http_camera, under_load
from tests.production.stack import Stack, is_open, wait_for

WEBS = ["web0", "web1"]
KINDS = [*WEBS, "worker", "beat", "gateway"]
# One of the web servers serves, while the other processes are ended.
ENDED = KINDS[1:]
READY_S = 10.0
STOPPED_S = 10.0


def wait_ready(stack: Stack, name: str) -> None:
    """Wait until the restarted process works, no longer than promised."""
    # A machine that has others to serve as well is asked for what it can do.
    ready_s = max(READY_S, stack.ready_after_s / 2)
    if name in WEBS:
        wait_for(f"{name} serves", lambda: is_open(stack.ports[name]), ready_s)
    else:
        began = time.time()
        wait_for(f"{name} is at work", lambda: stack.at_work(name, began), ready_s)


def start_all(stack: Stack, names: list[str]) -> None:
    """Start these at once, and wait until all of them work."""
    for name in names:
        stack.start(name)
    for name in names:
        wait_ready(stack, name)


def ended_together(dice: random.Random, *groups: list[str]) -> list[list[str]]:
    """Return these groups; in the long form each process alone, in any order."""
    return [[name] for name in dice.sample(ENDED, len(ENDED))] if is_long() else list(groups)


def test_a_kill_of_any_process_loses_nothing_that_was_answered(stack: Stack) -> None:
    dice = random.Random(11)
    http, mqtt = http_camera(stack, "killed-http"), MqttLedger(stack, "killed-mqtt")
    with under_load(http, mqtt):
        for _ in range(rounds(1)):
            for names in ended_together(dice, ["web1", "worker"], ["gateway", "beat"]):
                http.wait_for(dice.randrange(3, 15))
                for name in names:
                    stack.stop(name, signal.SIGKILL)
                start_all(stack, names)
        http.wait_for(5)
        mqtt.wait_for(2)
    check(stack, http, mqtt)


def test_a_power_cut_loses_nothing_that_was_answered(stack: Stack) -> None:
    http, mqtt = http_camera(stack, "dark-http"), MqttLedger(stack, "dark-mqtt")
    everything = ["nginx", *KINDS, "mosquitto", "redis", "postgres"]
    with under_load(http, mqtt):
        for _ in range(rounds(1)):
            http.wait_for(10)
            for name in everything:
                stack.stop(name, signal.SIGKILL)
            for name in ("postgres", "redis", "mosquitto", "nginx"):
                stack.start(name)
            start_all(stack, KINDS)
            http.wait_for(2)
            mqtt.wait_for(2)
    check(stack, http, mqtt)


def test_a_stop_of_any_process_under_load_is_in_time_and_loses_nothing(stack: Stack) -> None:
    dice = random.Random(12)
    http, mqtt = http_camera(stack, "stopped-http"), MqttLedger(stack, "stopped-mqtt")
    with under_load(http, mqtt):
        for _ in range(rounds(1)):
            for names in ended_together(dice, ENDED):
                http.wait_for(5)
                began_s = time.monotonic()
                assert stack.stop_together(names) == dict.fromkeys(names, 0), stack.logs()
                assert time.monotonic() - began_s < STOPPED_S
                start_all(stack, names)
        http.wait_for(5)
    check(stack, http, mqtt)
    # Whom a web server did not answer, it had not begun to serve: nothing of his was stored before.
    assert not [entry.name for entry in http.entries if entry.answer.get("dup")]


def test_one_picture_sent_to_every_web_server_at_once_is_one_capture_with_one_id(stack: Stack) -> None:
    camera = http_camera(stack, "echo")
    ports = [stack.ports[name] for name in ("nginx", *WEBS)]
    for _ in range(rounds(3)):
        entry = camera.new_entry()
        copies = [Entry(entry.name, entry.data) for _ in range(8)]
        camera.send_now_through(ports, entry, *copies)
        assert {copy.outcome for copy in copies} == {"ok"}
        assert {copy.answer["id"] for copy in copies} == {entry.answer["id"]}
        assert sum(not e.answer.get("dup") for e in (entry, *copies)) == 1
    assert len(captures(stack, "echo")) == rounds(3)
    check(stack, camera)
