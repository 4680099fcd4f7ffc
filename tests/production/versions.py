"""The program of the version before, as Git has it: for machines that are upgraded one by one."""

import subprocess
from pathlib import Path

import pytest

from tests.production.stack import ROOT

MIGRATIONS = "*/migrations/0*.py"


def lay_out_previous(folder: Path) -> Path:
    """Lay out the version before the newest migration; the test is left out where there is no history."""
    newest = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", MIGRATIONS)
    if not newest or not _git("rev-parse", "--verify", f"{newest}^"):
        pytest.skip("It needs the history of the repository, for the version before.")
    folder.mkdir()
    packed = subprocess.run(["git", "archive", f"{newest}^"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    # The pages' libraries, which are installed and not committed.
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


def knows_files_of_other_versions(folder: Path) -> bool:
    """Tell whether this version hands out a file of a page that another version drew."""
    return "_of_another_version" in (folder / "photohub/lib/pages/middleware.py").read_text()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
