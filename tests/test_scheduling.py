"""Tests that share a hub run in one process, and the long ones begin first."""

import os
import subprocess
import sys
from pathlib import Path

from tests import scheduling, suite

ROOT = Path(__file__).resolve().parents[1]
NOTE = """
import os
import pathlib
import pytest

@pytest.mark.parametrize("turn", range(4))
def test_note(turn):
    line = f"{os.environ['PYTEST_XDIST_WORKER']} {os.path.basename(__file__)}\\n"
    with open(pathlib.Path("ran"), "a") as file:
        file.write(line)
"""


def test_each_file_and_the_production_form_runs_in_one_worker(tmp_path):
    files = [
        "production/faults/test_f.py",
        "production/test_a.py",
        "production/test_b.py",
        "devices/test_c.py",
        "devices/test_d.py",
        "test_e.py",
    ]
    for name in files:
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NOTE)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n")
    plugins = ["-p", "xdist", "-p", "tests.scheduling"]
    command = [sys.executable, "-m", "pytest", *plugins, *suite.arguments_of([])]
    outside = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment = outside | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "24 passed" in done.stdout, done.stdout + done.stderr
    ran = [line.split() for line in (tmp_path / "ran").read_text().splitlines()]
    workers = {file: {worker for worker, name in ran if name == file} for _, file in ran}
    assert all(len(names) == 1 for names in workers.values()), workers
    assert workers["test_a.py"] == workers["test_b.py"] == workers["test_f.py"]
    firsts = {worker: name for worker, name in reversed(ran)}
    assert "test_f.py" in firsts.values()
    assert set.union(*workers.values()) == {"gw0", "gw1", "gw2"}


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
