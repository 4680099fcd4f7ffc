import subprocess
import sys
import timeit

import pytest

from photohub.lib import failpoints


def run(fault: str, code: str) -> subprocess.CompletedProcess:
    program = f"from photohub.lib.failpoints import hit\n{code}"
    return subprocess.run(
        [sys.executable, "-c", program], env={"PHOTOHUB_FAIL": fault}, capture_output=True, text=True
    )


def test_without_the_variable_a_point_does_nothing_and_costs_nothing():
    assert failpoints.hit is failpoints._pass
    assert timeit.timeit(lambda: failpoints.hit("ingest.synced"), number=100_000) < 0.2


def test_kill_ends_the_process_at_the_point():
    done = run("a.b:kill", "print('before', flush=True)\nhit('a.b')\nprint('after')")
    assert (done.returncode, done.stdout) == (-9, "before\n")


def test_a_number_means_only_that_time():
    done = run("a.b:kill@3", "for turn in range(5): print(turn, flush=True); hit('a.b')")
    assert done.stdout.split() == ["0", "1", "2"]


def test_other_points_are_not_hit():
    assert run("a.b:kill", "hit('a.c')").returncode == 0


def test_raise_takes_the_name_of_an_errno():
    fault = failpoints.read_faults("a.b:raise:ENOSPC")["a.b"]
    with pytest.raises(OSError, match="No space left"):
        fault.strike("a.b")


def test_raise_without_a_name_is_a_runtime_error():
    with pytest.raises(RuntimeError, match=r"a\.b"):
        failpoints.read_faults("a.b:raise")["a.b"].strike("a.b")


def test_sleep_holds_the_thread_up_for_its_seconds(monkeypatch):
    slept = []
    monkeypatch.setattr(failpoints.time, "sleep", slept.append)
    failpoints.read_faults("a.b:sleep:2.5")["a.b"].strike("a.b")
    assert slept == [2.5]


def test_several_points_are_read_from_one_variable():
    assert set(failpoints.read_faults("a.b:kill@2,c.d:sleep")) == {"a.b", "c.d"}


@pytest.mark.parametrize("text", ["a.b", "a.b:explode", "a.b:raise:ENOSUCHTHING", "a.b:kill@x"])
def test_a_mistyped_fault_stops_the_start(text):
    with pytest.raises(ValueError, match="PHOTOHUB_FAIL"):
        failpoints.read_faults(text)
