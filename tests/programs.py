"""The programs outside of Python that the suite runs: the packages that bring them, and the tests that need them.

`manage.py test` loads this file by its path before there is any environment, so it imports the standard library alone.
As root on Debian or Ubuntu it installs what the chosen tests need. Elsewhere the tests of what is missing are left out,
and are named at the end; with `CI=true` nothing may be left out.
"""

import contextlib
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TextIO

INSTALL_S = 1800
DOWNLOAD_S = 600
DOWNLOAD_RETRY_S = 24 * 3600
POLICY = Path("/usr/sbin/policy-rc.d")


def find(name: str) -> str | None:
    """Return the program's path, also where an ordinary user's PATH leaves out the folders of services."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/local/sbin")


def find_chromium() -> str | None:
    """Return the distribution's Chromium, or the newest that Playwright has downloaded."""
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    builds = [
        *folder.glob("chromium*-*/chrome-linux*/*chrome*"),
        *folder.glob("chromium*-*/chrome-linux*/headless_shell"),
    ]
    programs = [path for path in builds if path.name in ("chrome", "headless_shell", "chrome-headless-shell")]
    downloaded = sorted(programs, key=lambda path: path.stat().st_mtime)
    return find("chromium") or (str(downloaded[-1]) if downloaded else None)


def find_plugin() -> str | None:
    """Return Mosquitto's dynamic-security plugin, which its package brings."""
    found = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    return str(found[0]) if found and find("mosquitto") else None


def find_venv() -> str | None:
    """Tell whether this Python can make environments; Debian keeps that part in a package of its own."""
    parts = [name for name in ("ensurepip", "pip") if importlib.util.find_spec(name)]
    return parts[0] if parts or sys.prefix != sys.base_prefix else None


def find_right_to_mount() -> str | None:
    """Tell whether a small file system can be mounted (CAP_SYS_ADMIN, bit 21 of capabilities(7)), to fill it up."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")
    )
    return "mount" if int(line.split()[1], 16) >> 21 & 1 else None


class Program(NamedTuple):
    """A program: the Debian package that brings it ("": no package does), and how it is found."""

    package: str
    look: Callable[[], str | None]


def plain(name: str, package: str = "") -> Program:
    return Program(package or name, lambda: find(name))


PROGRAMS: dict[str, Program] = {
    "chromium": Program("chromium", find_chromium),
    "curl": plain("curl"),
    "g++": plain("g++"),
    "haproxy": plain("haproxy"),
    "lighttpd": plain("lighttpd"),
    "mosquitto": Program("mosquitto", find_plugin),
    "mosquitto_pub": plain("mosquitto_pub", "mosquitto-clients"),
    "nginx": plain("nginx", "nginx-light"),
    "strace": plain("strace"),
    "swupdate": plain("swupdate"),
    "root's right to mount": Program("", find_right_to_mount),
}

# The beginning of a test's path → what it needs.
NEEDS: dict[str, tuple[str, ...]] = {
    "tests/browser/": ("chromium",),
    "tests/production/": ("mosquitto", "nginx"),
    "tests/devices/test_mqtt.py": ("mosquitto",),
    "tests/flows/test_handed_programs.py": ("g++",),
    "tests/flows/test_swupdate.py": ("swupdate",),
    "tests/photohub/embedded/test_clients.py": ("mosquitto_pub",),
    "tests/photohub/lib/test_http_get.py": ("lighttpd", "nginx"),
    "tests/photohub/test_gateway.py": ("mosquitto",),
    "tests/photohub/test_proxies.py": ("haproxy", "nginx"),
    "tests/photohub/test_watching.py": ("curl",),
    "tests/faults/test_storage.py": ("strace", "root's right to mount"),
    "tests/faults/test_syscalls.py": ("strace",),
}


def needed_by(node_id: str) -> tuple[str, ...]:
    """Return the programs that the test of this id or path needs."""
    return tuple(name for start, names in NEEDS.items() if node_id.startswith(start) for name in names)


def needed_for(arguments: Iterable[str]) -> list[str]:
    """Return the programs that a run with these arguments of `manage.py test` can need."""
    if [*arguments][:1] == ["quick"]:
        return []
    paths = [
        word.removeprefix("./").split("::")[0] for word in arguments if word.startswith(("tests", "./tests"))
    ]
    wanted = [
        name
        for start, names in NEEDS.items()
        if not paths or any(start.startswith(path.rstrip("/")) or path.startswith(start) for path in paths)
        for name in names
    ]
    return [name for name in PROGRAMS if name in wanted]


def missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if PROGRAMS[name].look() is None]


def packages_of(names: Iterable[str]) -> list[str]:
    """Return the Debian packages that bring these programs, and the part of Python that makes environments."""
    venv = set() if find_venv() else {"python3-venv"}
    return sorted(({PROGRAMS[name].package for name in names} | venv) - {""})


def set_up(bootstrap: ModuleType, root: Path, arguments: list[str], out: TextIO) -> None:
    """As root, install what a run with these arguments needs. Called before there is an environment."""
    packages = packages_of(missing(needed_for(arguments)))
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(bootstrap, root, packages, out)


def check(root: Path, arguments: list[str], out: TextIO) -> None:
    """Say what is still missing and how to get it. Exits under `CI=true`. Called inside the environment."""
    gone = missing(needed_for(arguments))
    if "chromium" in gone and _download_browser(root, out):
        gone.remove("chromium")
    if not gone:
        return
    packages = packages_of(gone)
    do = f" To run them, as root: apt-get install {' '.join(packages)}" if packages else ""
    out.write(f"Left out are the tests that need {', '.join(gone)}.{do}\n")
    if os.environ.get("CI") == "true":
        sys.exit("With CI=true no test may be left out.")


def _download_browser(root: Path, out: TextIO) -> bool:
    """Let Playwright download a browser of its own, which an ordinary user can; a failure is remembered for a day."""
    failed = root / ".venv" / "photohub-no-browser"
    if failed.exists() and time.time() - failed.stat().st_mtime < DOWNLOAD_RETRY_S:
        return False
    out.write("Chromium is not installed; Playwright downloads one …\n")
    out.flush()
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    try:
        subprocess.run(
            command, check=True, timeout=DOWNLOAD_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        failed.touch()
    return find_chromium() is not None


def _install(bootstrap: ModuleType, root: Path, packages: list[str], out: TextIO) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    steps = {
        "Lists of packages": [*apt, "update"],
        f"System packages ({', '.join(packages)})": [
            *apt,
            "install",
            "-y",
            "--no-install-recommends",
            *packages,
        ],
    }
    out.write("Installing the programs that the tests run (once; they are not started)\n")
    progress = bootstrap.Progress(out, len(steps))
    with bootstrap.hold_lock(bootstrap.Project(root), out) as lock_fd, _services_kept_from_starting():
        for label, command in steps.items():
            try:
                with progress.step(label):
                    bootstrap.run_command(
                        command, cwd=root, env=env, timeout_s=INSTALL_S, tick=progress.tick, lock_fd=lock_fd
                    )
            except bootstrap.CommandFailed as error:
                out.write(f"{error}\nThat failed; the tests that need it are left out.\n")


@contextlib.contextmanager
def _services_kept_from_starting() -> Iterator[None]:
    """Ask Debian's packages not to start their services: the tests start their own, on free ports."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
