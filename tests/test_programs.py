"""The programs that the suite runs: which tests need which, and how they come onto a bare machine."""

import io
from pathlib import Path

import pytest

from photohub import bootstrap
from tests import programs

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine on which no program is installed; `commands` holds what would have been run."""
    monkeypatch.setattr(programs, "find", lambda name: None)
    monkeypatch.setattr(programs, "find_chromium", lambda: None)
    gone = {name: program._replace(look=lambda: None) for name, program in programs.PROGRAMS.items()}
    monkeypatch.setattr(programs, "PROGRAMS", gone)
    monkeypatch.setattr(programs, "POLICY", tmp_path / "policy")
    monkeypatch.setattr(programs, "_download_browser", lambda root, out: False)
    monkeypatch.setattr(programs.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.delenv("CI", raising=False)
    commands: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "run_command", lambda command, **options: commands.append(command))
    return commands


def _set_up(root, *arguments, user=0, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(programs.os, "geteuid", lambda: user)
    programs.set_up(bootstrap, root, [*arguments], out)
    programs.check(root, [*arguments], out)
    return out.getvalue()


def test_every_beginning_exists_and_every_program_is_needed():
    assert all((ROOT / start).exists() for start in programs.NEEDS)
    assert {name for names in programs.NEEDS.values() for name in names} == set(programs.PROGRAMS)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["quick"], []),
        (["tests/devices/test_events.py"], []),
        (["tests/browser/test_wall.py::test_a", "-x"], ["chromium"]),
        (["tests/production"], ["mosquitto", "nginx"]),
        (["-k", "panel"], list(programs.PROGRAMS)),
        (["./tests"], list(programs.PROGRAMS)),
    ],
)
def test_only_what_the_chosen_tests_need_is_asked_for(arguments, needed):
    assert programs.needed_for(arguments) == needed


def test_as_root_the_packages_are_installed_and_their_services_do_not_start(bare, tmp_path, monkeypatch):
    said = _set_up(tmp_path, monkeypatch=monkeypatch)
    assert [command[0] for command in bare] == ["apt-get", "apt-get"]
    assert {"chromium", "mosquitto", "nginx-light", "strace"} <= set(bare[1])
    assert "System packages (chromium" in said
    assert not (tmp_path / "policy").exists()


def test_an_ordinary_user_is_told_in_one_line_what_to_install(bare, tmp_path, monkeypatch):
    said = _set_up(tmp_path, "tests/browser", user=1000, monkeypatch=monkeypatch)
    assert bare == []
    assert (
        said == "Left out are the tests that need chromium. To run them, as root: apt-get install chromium\n"
    )


def test_under_ci_nothing_may_be_left_out(bare, tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit, match="no test may be left out"):
        _set_up(tmp_path, user=1000, monkeypatch=monkeypatch)


def test_a_browser_that_playwright_downloaded_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "find", lambda name: None)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert programs.find_chromium() is None
    file = tmp_path / "chromium_headless_shell-1200" / "chrome-linux" / "headless_shell"
    file.parent.mkdir(parents=True)
    file.touch()
    assert programs.find_chromium() == str(file)
