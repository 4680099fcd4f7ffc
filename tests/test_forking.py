"""Tests in forked processes: what they say reaches pytest, and one that dies takes only its own test with it."""

SEVERAL = """
import os, signal, warnings
import pytest

tries = []

def test_passes(tmp_path):
    print(f"in {tmp_path.parent.name}")

def test_fails():
    print("said before")
    assert [1, 2] == [1, 3]

def test_dies():
    os.kill(os.getpid(), signal.SIGKILL)

def test_warns():
    warnings.warn("a word of warning")

@pytest.mark.measures_time("the machine is shared")
def test_needs_two():
    tries.append(1)
    assert len(tries) == 2

@pytest.fixture(scope="session")
def kept():
    yield
    raise RuntimeError("could not be ended")

def test_keeps(kept):
    pass
"""


def test_what_forked_processes_say_reaches_pytest(pytester_run):
    out = pytester_run(SEVERAL, "--processes=2")
    assert "3 failed, 4 passed, 1 warning, 1 rerun" in out
    for said in (
        "Its process ended with -9.",
        "At index 1 diff: 2 != 3",
        "said before",
        "a word of warning",
        "needed a second try: test_a.py::test_needs_two",
        "RuntimeError: could not be ended",
    ):
        assert said in out, out


def test_after_the_first_failure_nothing_more_begins(pytester_run):
    many = "import pytest\n" + "def test_fails(): assert 0\ndef test_after(): pass\n"
    assert "1 failed in" in pytester_run(many, "--processes=2", "-x")


def test_a_wrong_file_is_told_before_anything_runs(pytester_run):
    assert "1 error in" in pytester_run("import nothing_of_this_name\n", "--processes=2", code=2)
