"""The templates: linted and formatted by djLint, in lines that fit a screen, in rooms like the code's."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, TEMPLATES, shown

LINE_AT_MOST = 120
# Django's loader wants the programs to copy in one folder: one file a profile.
LISTS = {"templates/devices/setup/snippets"}
# It looks for the back office's own pages here.
DJANGOS = {"templates/admin"}


def test_the_lines_of_templates_fit_a_screen():
    lines = ((shown(path), n, line) for path in TEMPLATES for n, line in enumerate(path.open(), 1))
    assert [(name, n) for name, n, line in lines if len(line.rstrip("\n")) > LINE_AT_MOST] == []


def test_djlint_finds_nothing_to_say_or_to_format():
    command = [sys.executable, "-m", "djlint", "--lint", "--check", "templates"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("top", ["templates", "static/css", "static/js"])
def test_folders_of_pages_have_the_names_of_rooms(top):
    folders = (path.relative_to(ROOT / top) for path in (ROOT / top).rglob("*") if path.is_dir())
    ours = (f for f in folders if "parts" not in f.parts and shown(ROOT / top / f) not in LISTS | DJANGOS)
    assert [str(f) for f in ours if not (ROOT / f).is_dir() and not holds_parts_of_script(top, f)] == []


@pytest.mark.parametrize("kind", ["css", "js"])
def test_styles_and_scripts_have_the_names_of_rooms(kind):
    top = ROOT / "static" / kind
    files = (path.relative_to(top) for path in top.rglob("*.*"))
    assert [str(f) for f in files if len(f.parts) > 1 and not stands_for_room(f)] == []


def holds_parts_of_script(top: str, folder: Path) -> bool:
    """Say whether a folder holds what a script beside it imports."""
    return (ROOT / top / folder.with_suffix(".js")).is_file()


def stands_for_room(file: Path) -> bool:
    """Say whether a style sheet or script is a room's: named after it, or in its folder."""
    return (ROOT / file.with_suffix("")).is_dir() or len(file.parts) > 2


@pytest.mark.parametrize("top", ["templates", "static"])
def test_a_folder_of_pages_holds_at_most_twelve_things(top):
    folders = [path for path in (ROOT / top).rglob("*") if path.is_dir() and shown(path) not in LISTS]
    counts = {shown(folder): sum(1 for _ in folder.iterdir()) for folder in folders}
    assert {folder: n for folder, n in counts.items() if n > 12} == {}
