"""What the functions say that they take and give is so: pyrefly finds nothing in what is not a test."""

import subprocess
import sys
from pathlib import Path

from tests.test_architecture import ROOT

PYREFLY = Path(sys.executable).with_name("pyrefly")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYREFLY, "check", "--python-interpreter-path", sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_types_fit():
    done = run()
    assert done.returncode == 0, done.stdout


def test_a_type_that_does_not_fit_is_found(tmp_path):
    (tmp_path / "wrong.py").write_text("def count() -> int:\n    return 'three'\n")
    done = run("--config", str(ROOT / "pyproject.toml"), str(tmp_path / "wrong.py"))
    assert done.returncode == 1 and "bad-return" in done.stdout
