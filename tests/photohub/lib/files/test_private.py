"""The data folder is for PhotoHub's own account, also one that an older hub left open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from photohub.lib.files import private

OURS = (
    "pictures/porch/a.jpg",
    "photohub.sqlite3",
    "photohub.sqlite3-wal",
    "secret_key",
    "outbox/ff",
    "hub.lock",
)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def old_folder(folder: Path, *names: str) -> Path:
    """Return a data folder as PhotoHub made it when the account's umask was 022."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_an_older_hubs_folder_is_closed(tmp_path):
    folder = old_folder(tmp_path / "data", *OURS)
    assert private.open_entries(folder)
    private.close(folder)
    assert mode_of(folder) == mode_of(folder / "pictures") == 0o700
    assert mode_of(folder / "photohub.sqlite3") == mode_of(folder / "photohub.sqlite3-wal") == 0o600
    assert private.open_entries(folder) == []


def test_a_disk_of_its_own_is_closed_too(tmp_path):
    folder = old_folder(tmp_path / "data", *OURS, "lost+found/x", ".Trash/y")
    private.close(folder)
    assert mode_of(folder) == 0o700 and mode_of(folder / "lost+found") == 0o755


def test_a_folder_that_holds_other_things_stays_and_only_ours_are_closed(tmp_path):
    folder = old_folder(tmp_path / "srv", *OURS, "website/index.html")
    private.close(folder)
    assert mode_of(folder) == mode_of(folder / "website") == 0o755
    assert mode_of(folder / "pictures") == 0o700 and mode_of(folder / "photohub.sqlite3") == 0o600
    assert private.open_entries(folder) == []


def test_what_belongs_to_somebody_else_is_told(tmp_path, monkeypatch):
    folder = old_folder(tmp_path / "data", *OURS)
    monkeypatch.setattr(Path, "chmod", lambda *_: (_ for _ in ()).throw(PermissionError()))
    private.close(folder)
    assert folder / "pictures" in private.open_entries(folder)


def run(*words: str, data: Path, **env: str) -> subprocess.CompletedProcess:
    """Run a command of manage.py as from a shell whose umask lets everybody read."""
    known = {"PATH": os.environ["PATH"], "PHOTOHUB_NO_BOOTSTRAP": "1", "PHOTOHUB_DATA": str(data)}
    command = [sys.executable, "manage.py", *words]
    options = {
        "cwd": settings.BASE_DIR,
        "env": known | env,
        "capture_output": True,
        "text": True,
        "check": False,
    }
    return subprocess.run(command, **options, umask=0o022)


def test_every_file_that_a_command_makes_is_its_accounts_alone(tmp_path):
    data, backup = tmp_path / "data", tmp_path / "backup.tar"
    for words in (["prepare"], ["add_device", "porch", "--profile", "generic"], ["backup", str(backup)]):
        done = run(*words, data=data)
        assert done.returncode == 0, done.stderr
    made = [path for path in (backup, data, *data.rglob("*")) if mode_of(path) & 0o077]
    assert made == []


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PHOTOHUB_DEBUG": "true"}, "PHOTOHUB_DEBUG: is on"),
        ({"PHOTOHUB_SECRET_KEY": "x"}, "PHOTOHUB_SECRET_KEY: is shorter than 32"),
        ({"PHOTOHUB_SECRET_KEY": "ab" * 30}, "PHOTOHUB_SECRET_KEY: has fewer than 6 different"),
        ({"PHOTOHUB_MQTT_HOOK_SECRET": "a" * 40}, "PHOTOHUB_MQTT_HOOK_SECRET: has fewer than 6 different"),
    ],
)
def test_a_start_with_a_setting_that_opens_the_hub_is_refused_in_words(tmp_path, env, words):
    done = run("prepare", "--files", data=tmp_path / "data", **env)
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
