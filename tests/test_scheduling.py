"""Tests that share a hub run in one process, and the long ones begin first."""

from types import SimpleNamespace

import pytest
from xdist.remote import Producer

from tests import scheduling

FILES = (
    "tests/production/faults/test_f.py",
    "tests/production/test_a.py",
    "tests/production/test_b.py",
    "tests/devices/test_c.py",
    "tests/devices/test_d.py",
    "tests/test_e.py",
)


class Worker:
    """What xdist's scheduler sees of a worker: it is handed tests by their numbers."""

    def __init__(self, name: str) -> None:
        self.gateway, self.shutting_down, self.tests = SimpleNamespace(id=name), False, []

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.tests += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


def scheduler_of(dist: str) -> scheduling.FilesTogether | None:
    """Return the scheduler that the plugin gives three workers."""
    config = SimpleNamespace(
        getoption=lambda name: dist,
        getvalue=lambda name: 3 * ["popen"],
        option=SimpleNamespace(loadscopereorder=False),
    )
    return scheduling.pytest_xdist_make_scheduler(config, Producer("test", enabled=False))


def run_all(scheduler: scheduling.FilesTogether, names: list[str], workers: list[Worker]) -> None:
    """Let the workers take turns, each with one test, until nothing is left."""
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, names)
    scheduler.schedule()
    done = {worker: 0 for worker in workers}
    while any(done[worker] < len(worker.tests) for worker in workers):
        for worker in (worker for worker in workers if done[worker] < len(worker.tests)):
            scheduler.mark_test_complete(worker, worker.tests[done[worker]])
            done[worker] += 1


def test_each_file_and_the_production_form_runs_in_one_worker():
    names = [f"{file}::test_note[{turn}]" for file in FILES for turn in range(4)]
    workers = [Worker(name) for name in ("gw0", "gw1", "gw2")]
    run_all(scheduler_of("loadscope"), names, workers)
    files = {worker.gateway.id: [names[n].split("::")[0] for n in worker.tests] for worker in workers}
    homes = {file: {id_ for id_, ran in files.items() if file in ran} for file in FILES}
    assert sorted(number for worker in workers for number in worker.tests) == list(range(len(names)))
    assert all(len(home) == 1 for home in homes.values())
    assert homes[FILES[0]] == homes[FILES[1]] == homes[FILES[2]]
    assert FILES[0] in {ran[0] for ran in files.values()} and len(set.union(*homes.values())) == 3


@pytest.mark.parametrize("dist", ["no", "load", "worksteal"])
def test_another_way_of_handing_out_is_left_to_xdist(dist):
    assert scheduler_of(dist) is None


def test_long_ones_begin_first():
    names = [
        "tests/devices/test_a.py::test_x",
        "tests/devices/test_slow.py::test_x",
        "tests/flows/test_b.py::test_x[a::b]",
        "tests/browser/test_d.py::test_x",
        "tests/production/test_c.py::test_x",
    ]
    slow = {"tests/devices/test_slow.py"}
    assert sorted(names, key=lambda name: scheduling.rank(name, slow)) == names[::-1]
    assert [scheduling.unit_of(name) for name in names] == [
        "tests/devices/test_a.py",
        "tests/devices/test_slow.py",
        "tests/flows/test_b.py",
        "tests/browser/",
        "tests/production/",
    ]
