"""The programs that the suite runs: which tests need which, and how they come onto a bare machine."""

import io
import os
import re
import subprocess
from pathlib import Path

import pytest

from photohub.start import bootstrap
from tests import programs

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("test", "needed"),
    [
        ("tests/browser/test_wall.py::test_a", ["chromium", "libatomic"]),
        ("tests/photohub/api/test_watching.py::test_curl_and_ffmpeg_watch", ["curl"]),
        ("tests/photohub/api/test_watching.py::test_a_revoked_token_ends_the_stream", []),
        ("tests/photohub/lib/http/test_real_proxies.py::test_pages[haproxy]", ["haproxy"]),
        ("tests/flows/test_handed_programs.py::test_a[micropython-device]", []),
        ("tests/flows/test_handed_programs.py::test_a[esp-idf-device]", ["g++"]),
        ("tests/production/test_files.py::test_images_are_pinned[nginx]", []),
    ],
)
def test_only_the_tests_that_need_a_program_are_left_out(test, needed):
    assert programs.needed_by(test) == needed


class Machine:
    """A bare machine: no program is installed, and `commands` holds what would have been run."""

    def __init__(self, root: Path) -> None:
        self.root, self.commands, self.failing = root, [], ""

    def run(self, command: list[str], **options: object) -> None:
        self.commands.append(command)
        if self.failing and command[-1].endswith(self.failing):
            raise bootstrap.CommandFailed(f"no {self.failing}", killed=False)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "find", lambda name: None)
    gone = {name: program._replace(look=lambda: None) for name, program in programs.PROGRAMS.items()}
    monkeypatch.setattr(programs, "PROGRAMS", gone)
    monkeypatch.setattr(programs, "POLICY", tmp_path / "policy")
    monkeypatch.setattr(programs, "INIT_SCRIPTS", tmp_path / "init.d")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.setattr(programs.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PHOTOHUB_NO_BOOTSTRAP", raising=False)
    (tmp_path / ".venv").mkdir()
    machine = Machine(tmp_path)
    gone["libatomic"] = programs.plain("libatomic")._replace(look=lambda: "there")
    monkeypatch.setattr(bootstrap, "run_command", machine.run)
    return machine


def _set_up(bare, *arguments, user=0, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(programs.os, "geteuid", lambda: user)
    programs.set_up(bootstrap, bare.root, [*arguments], out)
    programs.check(bootstrap, bare.root, [*arguments], out)
    return out.getvalue()


def test_every_need_is_of_tests_that_are_there_and_of_a_program_that_is_known():
    assert all((ROOT / need.start).exists() for need in programs.NEEDS)
    assert {name for need in programs.NEEDS for name in need.programs} == set(programs.PROGRAMS)
    stacks = [f"tests/production/{path.name}" for path in (ROOT / "tests/production").glob("test_*.py")]
    assert {need.start for need in programs.NEEDS if need.start.startswith("tests/production/t")} == set(
        stacks
    )


def test_every_word_of_a_need_is_in_the_name_of_a_test():
    texts = {need: (ROOT / need.start).read_text() for need in programs.NEEDS if need.words}
    lost = [
        word
        for need, text in texts.items()
        for word in need.words
        if not re.search(
            rf"def \w*{word}" if word.isidentifier() and "_" in word else re.escape(word.split("[")[-1]), text
        )
    ]
    assert not lost


IN_THE_SUITE = [name for name in programs.PROGRAMS if name not in programs.CONTAINERS]


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["quick"], []),
        (["tests/devices/events/test_record.py"], []),
        (["tests/browser/test_wall.py::test_a", "-x"], ["chromium", "libatomic"]),
        (["tests/production"], ["haproxy", "mosquitto", "nginx"]),
        (["-k", "panel"], IN_THE_SUITE),
        (["./tests"], IN_THE_SUITE),
        (["long"], list(programs.PROGRAMS)),
        (["containers"], [name for name in programs.PROGRAMS if name in programs.CONTAINERS]),
    ],
)
def test_only_what_the_chosen_tests_need_is_asked_for(arguments, needed):
    assert programs.needed_for(arguments) == needed


def test_as_root_the_packages_are_installed_and_their_services_do_not_start(bare, monkeypatch):
    said = _set_up(bare, "tests/production", monkeypatch=monkeypatch)
    assert [command[0] for command in bare.commands] == ["apt-get", "apt-get"]
    assert bare.commands[1][-3:] == ["haproxy", "mosquitto", "nginx-light"]
    assert "System packages (haproxy, mosquitto, nginx-light)" in said
    assert not programs.POLICY.exists()


def test_a_package_that_the_distribution_lacks_keeps_no_other_away(bare, monkeypatch):
    bare.failing = "nginx-light"
    said = _set_up(bare, "tests/production", monkeypatch=monkeypatch)
    assert [command[-1] for command in bare.commands[2:]] == ["haproxy", "mosquitto", "nginx-light"]
    assert "no nginx-light" in said


def test_a_container_that_is_set_up_already_is_left_alone(bare, monkeypatch):
    monkeypatch.setenv("PHOTOHUB_NO_BOOTSTRAP", "1")
    _set_up(bare, "tests/production", monkeypatch=monkeypatch)
    assert bare.commands == []


def test_installed_services_do_not_start_with_the_machine_either(bare, monkeypatch):
    asked = []
    monkeypatch.setattr(programs.subprocess, "run", lambda command, **options: asked.append(command))
    programs.INIT_SCRIPTS.mkdir()
    (programs.INIT_SCRIPTS / "mosquitto").touch()  # its owner's own, before

    def install(command, **options):
        for name in ("nginx", "swupdate"):
            (programs.INIT_SCRIPTS / name).touch()

    monkeypatch.setattr(bootstrap, "run_command", install)
    _set_up(bare, "tests/production", monkeypatch=monkeypatch)
    assert [command[1:] for command in asked] == [
        ["nginx", "disable"],
        ["swupdate", "disable"],
        ["disable", "swupdate.socket", "swupdate-progress.service"],
    ]


def test_the_ban_on_starting_services_ends_with_the_process_that_made_it(bare):
    with programs._services_kept_from_starting():
        assert subprocess.run([programs.POLICY], check=False).returncode == 101
        text = programs.POLICY.read_text()
    assert not programs.POLICY.exists()
    # Killed, it leaves its file behind, which bans nothing; the next one takes its place.
    programs.POLICY.write_text(text.replace(str(os.getpid()), "4194305"))
    assert subprocess.run(["sh", programs.POLICY], check=False).returncode == 0
    with programs._services_kept_from_starting():
        assert programs.POLICY.read_text() == text
    programs.POLICY.write_text("the machine's own")
    with programs._services_kept_from_starting():
        pass
    assert programs.POLICY.read_text() == "the machine's own"


def test_an_ordinary_user_is_told_in_one_line_what_to_install(bare, monkeypatch):
    said = _set_up(bare, "tests/production", user=1000, monkeypatch=monkeypatch)
    assert bare.commands == []
    what = "Left out are the tests that need haproxy, mosquitto, nginx."
    assert said == f"{what} To run them, as root: apt-get install haproxy mosquitto nginx-light\n"


def test_under_ci_nothing_may_be_left_out(bare, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit, match="no test may be left out"):
        _set_up(bare, user=1000, monkeypatch=monkeypatch)


def test_a_browser_that_cannot_be_downloaded_is_tried_again_after_an_hour(bare, monkeypatch):
    bare.failing = "chromium"
    said = _set_up(bare, "tests/browser", user=1000, monkeypatch=monkeypatch)
    why = "need chromium (no download: no chromium). To run them, as root: apt-get install chromium\n"
    assert said.startswith("  1/1 Playwright's Chromium …") and said.endswith(why)
    assert "Playwright's" not in (said := _set_up(bare, "tests/browser", user=1000, monkeypatch=monkeypatch))
    assert said.endswith(why) and len(bare.commands) == 1
    mark = bare.root / ".venv" / "photohub-no-browser"
    os.utime(mark, (0, 0))
    _set_up(bare, "tests/browser", user=1000, monkeypatch=monkeypatch)
    assert len(bare.commands) == 2


def test_without_the_library_of_playwrights_node_no_download_is_tried(bare, monkeypatch):
    monkeypatch.setitem(programs.PROGRAMS, "libatomic", programs.Program("libatomic1", lambda: None))
    said = _set_up(bare, "tests/browser", user=1000, monkeypatch=monkeypatch)
    assert "need chromium, libatomic. To run them, as root: apt-get install chromium libatomic1\n" in said
    assert bare.commands == []


@pytest.fixture
def downloaded(bare):
    file = bare.root / "browsers" / "chromium_headless_shell-1200" / "chrome-linux" / "headless_shell"
    file.parent.mkdir(parents=True)
    file.touch(0o755)
    programs.why_not_starting.cache_clear()
    return file


def test_a_browser_that_playwright_downloaded_counts(downloaded):
    downloaded.write_text("#!/bin/sh\necho Chromium 140\n")
    assert programs.find_chromium() == str(downloaded)


def test_a_downloaded_browser_that_lacks_a_library_does_not_count_and_says_which(
    bare, downloaded, monkeypatch
):
    downloaded.write_text("#!/bin/sh\necho libnss3.so: no such file >&2\nexit 127\n")
    assert programs.find_chromium() is None
    said = _set_up(bare, "tests/browser", user=1000, monkeypatch=monkeypatch)
    assert "chromium (libnss3.so: no such file)." in said


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "Downloading …\nError: ENOTFOUND cdn\n    at all (node:dns) {\n  code: 1\n}\nError: Download failure\n",
            "Error: ENOTFOUND cdn",
        ),
        ("/home/a/node: error while loading: libatomic.so.1\n", "error while loading: libatomic.so.1"),
        ("one\ntwo words\n}\n", "two words"),
        ("", ""),
    ],
)
def test_the_reason_of_a_failure_is_found_in_what_was_printed(output, reason):
    assert programs.reason_in(output) == reason
