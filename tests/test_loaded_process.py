import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loaded_process import ROOT, LoadedProcess, Loader

MANAGE = ROOT / "manage.py"

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


def test_another_program_gets_exactly_its_arguments_environment_and_descriptors_and_nothing_imported(
    loader, tmp_path
):
    run = Run(loader, tmp_path)
    assert run.process.poll() is None
    run.say("0")
    assert run.process.wait(10) == 0
    error, facts = sorted(run.heard().decode().splitlines())
    assert (
        '"arguments": ["a", "b c"], "env": {"X": "1"' in facts and '"loaded": false, "django": false' in facts
    )
    # The fourth is the listing itself.
    assert '"open": ["0", "1", "2", "3"]' in facts and error == "an error"


def settings_of(loader: Loader, folder: Path, env: dict[str, str], code: str) -> str:
    """Return what `manage.py shell` prints for this code."""
    env = {
        "PATH": os.environ["PATH"],
        "PHOTOHUB_NO_BOOTSTRAP": "1",
        "PHOTOHUB_DATA": str(folder / "data"),
    } | env
    with (folder / "out").open("w+") as out, open(os.devnull) as nothing:
        handles = {"stdin": nothing.fileno(), "stdout": out.fileno(), "stderr": out.fileno()}
        loader.start(MANAGE, ["shell", "--no-imports", "-c", code], env, **handles).wait(60)
        return (folder / "out").read_text()


LOOK = """
import os, sys, time
from django.conf import settings
from django.db import connection
from photohub.lib import failpoints
from media_pipeline.intake import endpoint as upload
print(settings.PHOTOHUB_DATA.name, settings.HTTP_PORT, connection.vendor, sorted(failpoints._faults), upload._DEVICES)
print(os.environ.get("TZ"), connection.settings_dict["NAME"], "tests.loaded_fork" in sys.modules)
"""


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"PHOTOHUB_HTTP": "127.0.0.1:5"}, "data 5 sqlite ['a.b'] None\nUTC {data}/photohub.sqlite3"),
        (
            {"PHOTOHUB_HTTP": "127.0.0.1:5", "DATABASE_URL": "postgres://a@b/c"},
            "data 5 postgresql ['a.b'] None\nUTC c",
        ),
        (
            {"PHOTOHUB_ENV": "production", "DATABASE_URL": "postgres://a@b/c", "REDIS_URL": "redis://a:1/0"},
            "data 8000 postgresql ['a.b'] None\nUTC c",
        ),
    ],
)
def test_a_program_of_photohub_has_the_settings_of_its_own_environment(loader, tmp_path, env, expected):
    quiet = {"PHOTOHUB_RATE_LIMIT": "off", "PHOTOHUB_ADDRESS_RATE": "off", "PHOTOHUB_FAIL": "a.b:kill"}
    said = settings_of(loader, tmp_path, env | quiet, LOOK)
    assert said.startswith(expected.format(data=tmp_path / "data")), said


def test_a_setting_that_an_import_has_read_makes_the_start_a_fresh_one(loader, tmp_path):
    quick = {"PHOTOHUB_RATE_LIMIT": "off", "PHOTOHUB_ADDRESS_RATE": "off"}
    for env, fresh in ((quick, False), (quick | {"PHOTOHUB_RATE_LIMIT": "3/s"}, True)):
        said = settings_of(loader, tmp_path, env, "import sys\nprint(sys.orig_argv[1:3])")
        assert said.strip() == str([str(MANAGE), "shell"]) if fresh else "loaded_fork" in said, said


def test_a_wrong_setting_is_told_as_ever(loader, tmp_path):
    said = settings_of(loader, tmp_path, {"PHOTOHUB_HTTP": "nowhere"}, "print(1)")
    assert said.startswith("PhotoHub cannot start: PHOTOHUB_HTTP: "), said


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
