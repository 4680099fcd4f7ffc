"""The programs outside of Python that the suite runs: the packages that bring them, and the tests that need them.

`manage.py test` loads this file by its path before there is any environment, so it imports the standard library alone.
As root on Debian or Ubuntu it installs what the chosen tests need. Elsewhere the tests of what is missing are left out,
and are named at the end; with `CI=true` nothing may be left out.
"""

import contextlib
import ctypes
import functools
import importlib.util
import os
import re
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
START_S = 30
DOWNLOAD_S = 600
DOWNLOAD_RETRY_S = 3600
# Playwright tries five times.
CONNECT_MS = 10_000
POLICY = Path("/usr/sbin/policy-rc.d")
# It holds while the process does that wrote it: what kills that process leaves no machine whose services never start.
POLICY_TEXT = (
    "#!/bin/sh\n# Of PhotoHub's tests, while they install programs.\n[ ! -d /proc/{pid} ] || exit 101\n"
)
INIT_SCRIPTS = Path("/etc/init.d")
# Each with the units of systemd that its package turns on besides.
SERVICES: dict[str, tuple[str, ...]] = {
    "haproxy": (),
    "lighttpd": (),
    "mosquitto": (),
    "nginx": (),
    "prometheus": (),
    "swupdate": ("swupdate.socket", "swupdate-progress.service"),
}
OTHER_BROWSERS = ("chromium-browser", "google-chrome", "google-chrome-stable")


def find(name: str) -> str | None:
    """Return the program's path, also where an ordinary user's PATH leaves out the folders of services."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/local/sbin")


def find_chromium() -> str | None:
    """Return Debian's Chromium, else the first that starts of other names and of what Playwright has downloaded."""
    others = [path for name in OTHER_BROWSERS if (path := find(name))] + downloaded_browsers()
    return find("chromium") or next((path for path in others if not why_not_starting(path)), None)


def downloaded_browsers() -> list[str]:
    """Return the builds of Chromium in Playwright's folder, the newest first."""
    # A home that is not known raises no error here.
    usual = os.path.expanduser("~/.cache/ms-playwright")
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or usual)
    builds = [
        *folder.glob("chromium*-*/chrome-*/*chrome*"),
        *folder.glob("chromium*-*/chrome-*/headless_shell"),
    ]
    programs = [path for path in builds if path.name in ("chrome", "headless_shell", "chrome-headless-shell")]
    return [str(path) for path in sorted(programs, key=lambda path: path.stat().st_mtime, reverse=True)]


@functools.cache
def why_not_starting(browser: str) -> str:
    """Return what a browser says that cannot start, or nothing: a downloaded one may lack libraries of the system."""
    try:
        done = subprocess.run([browser, "--version"], capture_output=True, text=True, timeout=START_S)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return reason_in(done.stderr + done.stdout) or f"exit {done.returncode}" if done.returncode else ""


def reason_in(text: str) -> str:
    """Return what a failed program's output calls an error, else its last line with words, as short as a sentence."""
    errors = re.findall(r"\berror\b.*\w.*", text, re.IGNORECASE)
    lines = [line.strip() for line in text.splitlines() if re.search(r"[^\W\d_]", line)]
    return (errors[:1] or lines[-1:] or [""])[0][:200]


def find_plugin() -> str | None:
    """Return Mosquitto's dynamic-security plugin, which its package brings."""
    found = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    return str(found[0]) if found and find("mosquitto") else None


def find_helper(name: str) -> str | None:
    """Return the path of a program that only Podman calls, from a folder of its own."""
    path = Path("/usr/lib/podman", name)
    return str(path) if path.exists() else None


def find_venv() -> str | None:
    """Tell whether this Python can make environments; Debian keeps that part in a package of its own."""
    parts = [name for name in ("ensurepip", "pip") if importlib.util.find_spec(name)]
    return parts[0] if parts or sys.prefix != sys.base_prefix else None


def find_libatomic() -> str | None:
    """Tell whether the library is there that Playwright's own Node needs, and that no bare machine has."""
    try:
        return ctypes.CDLL("libatomic.so.1")._name
    except OSError:
        return None


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
    "aardvark-dns": Program("aardvark-dns", lambda: find_helper("aardvark-dns")),
    "catatonit": plain("catatonit"),
    "chromium": Program("chromium", find_chromium),
    "curl": plain("curl"),
    "debootstrap": plain("debootstrap"),
    "g++": plain("g++"),
    "haproxy": plain("haproxy"),
    "iptables": plain("iptables"),
    "libatomic": Program("libatomic1", find_libatomic),
    "lighttpd": plain("lighttpd"),
    "mosquitto": Program("mosquitto", find_plugin),
    "mosquitto_pub": plain("mosquitto_pub", "mosquitto-clients"),
    "netavark": Program("netavark", lambda: find_helper("netavark")),
    "nginx": plain("nginx", "nginx-light"),
    "podman": plain("podman"),
    "promtool": plain("promtool", "prometheus"),
    "runc": plain("runc"),
    "strace": plain("strace"),
    "swupdate": plain("swupdate"),
    "root's right to mount": Program("", find_right_to_mount),
}


class Need(NamedTuple):
    """Tests that need programs: those of which the path begins so, and of these, where words stand, which names hold one."""

    start: str
    programs: tuple[str, ...]
    words: tuple[str, ...] = ()
    # These tests run in the long form of the suite only.
    long: bool = False

    def has(self, node_id: str) -> bool:
        name = node_id.partition("::")[2]
        return node_id.startswith(self.start) and (not self.words or any(word in name for word in self.words))


STACK = ("mosquitto", "nginx")
CONTAINERS = ("podman", "runc", "netavark", "aardvark-dns", "iptables", "catatonit", "debootstrap")
NEEDS = (
    Need("tests/browser/", ("chromium", "libatomic")),
    Need("tests/containers/", CONTAINERS, long=True),
    Need(
        "tests/devices/mqtt/test_client.py",
        ("mosquitto",),
        ("test_what_", "after_a_session_of_several_tasks"),
    ),
    Need(
        "tests/faults/test_storage.py",
        ("root's right to mount",),
        ("at_the_floor", "_below_", "a_small_disk"),
    ),
    Need("tests/faults/test_storage.py", ("strace",), ("after_file_folder_and_database_are_synced",)),
    Need("tests/faults/test_syscalls.py", ("strace",), ("a_disk_whose_syncs_fail",)),
    Need(
        "tests/flows/test_handed_programs.py", ("g++",), ("arduino", "esp-idf", "sketches", "program_fetches")
    ),
    Need("tests/flows/test_swupdate.py", ("swupdate",)),
    Need("tests/photohub/embedded/test_clients.py", ("mosquitto_pub",), ("mosquitto_pub",)),
    Need("tests/photohub/lib/network/test_get.py", ("lighttpd",), ("one_refusal", "a_wrong_login")),
    Need("tests/photohub/lib/network/test_get.py", ("nginx",), ("trusted_by_its_fingerprint",)),
    Need(
        "tests/photohub/gateway/test_gateway.py",
        ("mosquitto",),
        ("keep_anothers_message", "keeps_nobody_else"),
    ),
    Need("tests/photohub/lib/http/test_real_proxies.py", ("haproxy",), ("[haproxy",)),
    Need("tests/photohub/lib/http/test_real_proxies.py", ("nginx",), ("[nginx", "does_not_inherit")),
    Need("tests/photohub/api/test_watching.py", ("curl",), ("test_curl",)),
    Need(
        "tests/photohub/home_assistant/test_announcing.py",
        ("mosquitto",),
        ("[mosquitto", "test_mosquitto_forgets"),
    ),
    Need("tests/photohub/metrics/test_deploy.py", ("promtool",), ("promtool", "raise_their_alarms")),
    Need("tests/photohub/metrics/test_endpoint.py", ("promtool",), ("own_tool",)),
    Need("tests/production/faults/", STACK),
    Need("tests/production/test_beats.py", STACK),
    Need("tests/production/test_broker.py", STACK),
    Need("tests/production/test_compose_nodes.py", ("nginx",), ("uploads_go_to_both",)),
    Need("tests/production/test_files.py", ("mosquitto",), ("exists[mosquitto",)),
    Need("tests/production/test_files.py", ("nginx",), ("exists[nginx", "nginx_takes_its_configuration")),
    Need("tests/production/test_firmware.py", STACK),
    Need("tests/production/test_gateways.py", STACK),
    Need("tests/production/test_handing_over.py", STACK),
    Need("tests/production/test_home_assistant.py", STACK),
    Need("tests/production/test_kubernetes.py", ()),
    Need("tests/production/test_locks.py", STACK),
    # For two machines all comes with packages of Python.
    Need("tests/production/test_nodes.py", ("mosquitto", "haproxy"), ("three_machines",)),
    Need("tests/production/test_proxy.py", ("nginx",)),
    Need("tests/production/test_queries.py", STACK),
    Need("tests/production/test_showing.py", STACK),
    Need("tests/production/test_story.py", STACK),
    Need("tests/production/test_streams.py", STACK),
)


def needed_by(node_id: str) -> list[str]:
    """Return the programs that the test of this id needs."""
    return [name for need in NEEDS if need.has(node_id) for name in need.programs]


def needed_for(arguments: Iterable[str]) -> list[str]:
    """Return the programs that a run with these arguments of `manage.py test` can need."""
    form = [*arguments][:1]
    if form == ["quick"]:
        return []
    if form == ["containers"]:
        arguments = ["tests/containers/"]
    paths = [
        word.removeprefix("./").split("::")[0].rstrip("/")
        for word in arguments
        if word.startswith(("tests", "./tests"))
    ]
    wanted = {
        name
        for need in NEEDS
        if not need.long or form[:1] in (["long"], ["containers"])
        if not paths or any(need.start.startswith(path) or path.startswith(need.start) for path in paths)
        for name in need.programs
    }
    return [name for name in PROGRAMS if name in wanted]


def missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if PROGRAMS[name].look() is None]


def packages_of(names: Iterable[str]) -> list[str]:
    """Return the Debian packages that bring these programs, and the part of Python that makes environments."""
    venv = set() if find_venv() else {"python3-venv"}
    return sorted(({PROGRAMS[name].package for name in names} | venv) - {""})


def set_up(bootstrap: ModuleType, root: Path, arguments: list[str], out: TextIO) -> None:
    """As root, install what a run with these arguments needs. Called before there is an environment."""
    if os.geteuid() or not shutil.which("apt-get") or os.environ.get("PHOTOHUB_NO_BOOTSTRAP") == "1":
        return
    if packages := packages_of(missing(needed_for(arguments))):
        try:
            _install(bootstrap, root, packages, out)
        except OSError as error:
            out.write(f"The programs could not be installed: {error}.\n")
        except KeyboardInterrupt:
            sys.exit("The installation was interrupted. Start again to go on.")


def check(bootstrap: ModuleType, root: Path, arguments: list[str], out: TextIO) -> None:
    """Say what is still missing and how to get it. Exits under `CI=true`. Called inside the environment."""
    gone = missing(needed_for(arguments))
    can_download = "chromium" in gone and "libatomic" not in gone
    why = _download_browser(bootstrap, root, out) if can_download else ""
    gone = missing(gone)
    if not gone:
        return
    named = [f"{name} ({why})" if why and name == "chromium" else name for name in gone]
    packages, where = (
        " ".join(packages_of(gone)),
        "as root" if shutil.which("apt-get") else "on Debian, as root",
    )
    do = f" To run them, {where}: apt-get install {packages}" if packages else ""
    out.write(f"Left out are the tests that need {', '.join(named)}.{do}\n")
    if os.environ.get("CI") == "true":
        sys.exit("With CI=true no test may be left out.")


def _download_browser(bootstrap: ModuleType, root: Path, out: TextIO) -> str:
    """Let Playwright download a browser of its own, and return why there is none; a failure is remembered for an hour."""
    failed = root / ".venv" / "photohub-no-browser"
    if failed.exists() and time.time() - failed.stat().st_mtime < DOWNLOAD_RETRY_S:
        return failed.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    env = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": str(CONNECT_MS), "NO_COLOR": "1"} | os.environ
    progress = bootstrap.Progress(out, 1)
    try:
        with (
            bootstrap.hold_lock(bootstrap.Project(root), out) as lock_fd,
            progress.step("Playwright's Chromium"),
        ):
            options = {"cwd": root, "env": env, "tick": progress.tick, "lock_fd": lock_fd}
            bootstrap.run_command(command, timeout_s=DOWNLOAD_S, **options)
        why = "; ".join(why_not_starting(browser) for browser in downloaded_browsers()[:1])
    except bootstrap.CommandFailed as error:
        why = f"no download: {reason_in(error.tail)}"
    except OSError as error:
        return f"no download: {error}"
    if why:
        failed.write_text(why, encoding="utf-8")
    return why


def _install(bootstrap: ModuleType, root: Path, packages: list[str], out: TextIO) -> None:
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "-y", "--no-install-recommends"]
    out.write("Installing the programs that the tests run (once; they are not started)\n")
    progress = bootstrap.Progress(out, 2)

    def succeeds(label: str, command: list[str]) -> bool:
        options = {"cwd": root, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "lock_fd": lock_fd}
        try:
            with progress.step(label):
                bootstrap.run_command(command, timeout_s=INSTALL_S, tick=progress.tick, **options)
        except bootstrap.CommandFailed as error:
            out.write(f"{error}\n")
            return False
        return True

    there = _services()
    with bootstrap.hold_lock(bootstrap.Project(root), out) as lock_fd, _services_kept_from_starting():
        succeeds("Lists of packages", [*apt, "update"])
        if not succeeds(f"System packages ({', '.join(packages)})", [*install, *packages]):
            # One that this distribution lacks keeps none of the others away.
            progress = bootstrap.Progress(out, len(packages))
            for package in packages:
                succeeds(package, [*install, package])
        _keep_from_the_next_start(_services() - there)


def _keep_from_the_next_start(services: set[str]) -> None:
    """Let what was installed not start with the machine either, where a hub of its owner may need its port."""
    units = [unit for name in sorted(services) for unit in SERVICES[name]]
    commands = [["update-rc.d", name, "disable"] for name in sorted(services)]
    if units and shutil.which("systemctl"):
        commands.append(["systemctl", "disable", *units])
    for command in commands:
        subprocess.run(command, capture_output=True, check=False)


def _services() -> set[str]:
    """Return which of the services that the packages bring are installed."""
    return {name for name in SERVICES if (INIT_SCRIPTS / name).exists()}


@contextlib.contextmanager
def _services_kept_from_starting() -> Iterator[None]:
    """Ask Debian's packages not to start their services: the tests start their own, on free ports."""
    mark = POLICY_TEXT.splitlines()[1]
    if POLICY.exists() and mark not in POLICY.read_text(errors="replace"):
        yield
        return
    POLICY.write_text(POLICY_TEXT.format(pid=os.getpid()))
    POLICY.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
