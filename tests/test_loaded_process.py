import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loaded_process import LoadedProcess, Loader

PROGRAM = """
import json, os, signal, sys
facts = {"arguments": sys.argv[1:], "env": dict(os.environ), "loaded": "uvloop" in sys.modules}
print(json.dumps(facts | {"django": "django.conf.settings" in sys.modules, "open": os.listdir("/proc/self/fd")}))
print("an error", file=sys.stderr)
word = sys.stdin.readline().strip()
if word == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(word or 0))
"""


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    made = Loader()
    yield made
    made.close()


class Run:
    """One program with pipes."""

    def __init__(self, loader: Loader, folder: Path, leads_a_group: bool = False) -> None:
        program = folder / "program.py"
        if not program.exists():
            program.write_text(PROGRAM)
        its_stdin, self.stdin = os.pipe()
        self.stdout, its_stdout = os.pipe()
        handles = {"stdin": its_stdin, "stdout": its_stdout, "stderr": its_stdout}
        self.process: LoadedProcess = loader.start(
            program, ["a", "b c"], {"X": "1"}, **handles, leads_a_group=leads_a_group
        )
        os.close(its_stdin)
        os.close(its_stdout)

    def say(self, word: str) -> None:
        os.write(self.stdin, f"{word}\n".encode())

    def heard(self) -> bytes:
        with open(self.stdout, "rb") as file:
            return file.read()


def test_a_program_gets_exactly_its_arguments_environment_and_descriptors(loader, tmp_path):
    run = Run(loader, tmp_path)
    assert run.process.poll() is None
    run.say("0")
    assert run.process.wait(10) == 0
    facts, error = run.heard().decode().splitlines()
    assert '"arguments": ["a", "b c"], "env": {"X": "1"}, "loaded": true, "django": false' in facts
    # The fourth is the listing itself.
    assert '"open": ["0", "1", "2", "3"]' in facts and error == "an error"


@pytest.mark.parametrize(("word", "code"), [("3", 3), ("die", -signal.SIGKILL)])
def test_its_exit_code_is_told(loader, tmp_path, word, code):
    others, run = [Run(loader, tmp_path) for _ in range(2)], Run(loader, tmp_path)
    run.say(word)
    assert run.process.wait(10) == code
    assert [other.process.poll() for other in others] == [None, None]


def test_it_is_ended_by_a_signal_and_waiting_has_an_end(loader, tmp_path):
    run = Run(loader, tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(0.1)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(10) == -signal.SIGTERM
    run.process.send_signal(signal.SIGTERM)


def test_one_that_leads_a_group_is_ended_with_what_it_starts(loader, tmp_path):
    run = Run(loader, tmp_path, leads_a_group=True)
    assert os.getpgid(run.process.pid) == run.process.pid
    os.killpg(run.process.pid, signal.SIGTERM)
    assert run.process.wait(10) == -signal.SIGTERM


def test_with_the_loader_all_its_programs_end(loader, tmp_path):
    run = Run(loader, tmp_path)
    assert os.read(run.stdout, 65536)
    loader.close()
    # Nobody else holds the other side of the pipe.
    # Not `select`, which knows no descriptor above 1023, and the suite's own processes hold many.
    (ends := select.poll()).register(run.stdout, select.POLLIN | select.POLLHUP)
    while ends.poll(10_000):
        if not os.read(run.stdout, 65536):
            return
    raise AssertionError("The program still runs.")
