"""`manage.py test`: how pytest is called, what may be left out, and how many tests may have a second try."""

import ast
from pathlib import Path

import pytest

from tests import leaving_out, suite

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("own", [["-n0"], ["-n", "0"], ["--processes", "0"]])
def test_own_choice_of_processes_wins(own):
    assert suite.arguments_of([*own, "tests/devices"])[-2:] == ["--processes=0", "tests/devices"]


def test_the_suite_runs_in_three_processes():
    assert suite.arguments_of(["-k", "panel"]) == ["-p", "no:xdist", "--processes=3", "-k", "panel"]


def test_the_quick_part_leaves_out_what_starts_services():
    found = suite.arguments_of(["quick", "-k", "panel"])
    assert found[-4:] == ["-m", "not slow and not thorough", "-k", "panel"]


def test_files_lie_in_memory_only_where_there_is_room(tmp_path, monkeypatch):
    assert suite.has_room(tmp_path)
    assert not suite.has_room(tmp_path / "missing")
    monkeypatch.setattr(suite, "IN_MEMORY_AT_LEAST", 1 << 60)
    assert not suite.has_room(tmp_path)


def test_the_long_form_is_the_whole_suite_with_every_long_test():
    found = suite.arguments_of(["long", "-n0", "tests/faults"])
    assert found[-3:] == ["--processes=0", "--timeout=0", "tests/faults"]


def test_containers_are_a_part_of_the_long_form():
    found = suite.arguments_of(["containers", "-x"])
    assert found[-4:] == ["--processes=0", "--timeout=0", "tests/containers", "-x"]


@pytest.mark.parametrize(("form", "ran"), [("long", "2 passed"), ("", "1 passed, 1 deselected")])
def test_long_tests_run_in_the_long_form_only(pytester_run, monkeypatch, form, ran):
    monkeypatch.setenv("PHOTOHUB_FAULTS", form)
    assert ran in pytester_run(
        "import pytest\n@pytest.mark.long\ndef test_a(): pass\ndef test_b(): pass\n", code=0
    )


def test_few_tests_measure_time_and_each_says_why():
    marks = [
        node
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "measures_time" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.measures_time"
    ]
    assert all(ast.literal_eval(node.args[0]) for node in marks)
    assert len(marks) <= leaving_out.MAY_MEASURE_TIME


def test_what_fails_is_tried_again_only_where_it_measures_time(pytester_run):
    out = pytester_run(
        "import pytest\ntries = []\n"
        "@pytest.mark.measures_time('the machine is shared')\n"
        "def test_slow():\n    tries.append(1)\n    assert len(tries) == 2\n"
        "def test_wrong():\n    tries.append(1)\n    assert len(tries) == 99\n"
    )
    assert "1 failed, 1 passed, 1 rerun" in out
    assert "needed a second try: test_a.py::test_slow" in out


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_what_is_left_out_is_named_and_fails_under_ci(pytester_run, ci, code):
    out = pytester_run(
        "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test_a(): pass\n", ci=ci, code=code
    )
    assert "left out: 1 tests, no browser" in out


def test_what_is_made_once_for_a_folder_ends_with_it():
    # pytest keeps a fixture of package scope until the very end where the folder is no package.
    settings = (ROOT / "tests").rglob("conftest.py")
    found = [path.parent for path in settings if 'scope="package"' in path.read_text()]
    assert [folder for folder in found if not (folder / "__init__.py").exists()] == []
