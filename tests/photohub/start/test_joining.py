import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import DatabaseError

from media_pipeline.nodes import here, identity
from photohub.start import joining
from photohub.start.preparing import CannotStart
from tests.nodes import being

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]
CLUSTER = {
    "PHOTOHUB_NODE_URL": "http://10.0.0.2:8000",
    "DATABASE_URL": "postgres://a@b/c",
    "REDIS_URL": "redis://b",
    "PHOTOHUB_SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789",
    "PHOTOHUB_MIRROR": "s3",
    "S3_BUCKET": "photos",
    "S3_ACCESS_KEY_ID": "key",
    "S3_SECRET_ACCESS_KEY": "secret",
}


def test_each_folder_gets_an_identity(settings, tmp_path):
    settings.PHOTOHUB_DATA = tmp_path
    joining.join_hub()
    assert (tmp_path / identity.FILE).is_file()


def test_one_of_several_joins(tmp_path):
    with being(tmp_path, "a"):
        joining.join_hub()
        assert here._here.number == 1


def test_what_is_refused_ends_the_start_in_a_sentence(settings, tmp_path):
    for name in ("a", "b"):
        with being(tmp_path, name):
            joining.join_hub()
    settings.PHOTOHUB_DATA = tmp_path
    with pytest.raises(CannotStart, match="PHOTOHUB_NODE_URL is empty"):
        joining.join_hub()
    (tmp_path / identity.FILE).write_text("nothing")
    with pytest.raises(CannotStart, match="does not say which machine"):
        joining.join_hub()


def test_a_database_that_is_away_is_waited_for_while_serving(tmp_path, monkeypatch, caplog):
    def fail() -> None:
        raise DatabaseError("no route")

    with being(tmp_path, "a"):
        monkeypatch.setattr(here, "join", fail)
        joining.join_hub()
    assert "no route" in caplog.text


@pytest.mark.parametrize(
    "changed,sentence",
    [
        ({}, ""),
        ({"PHOTOHUB_MIRROR": "none"}, "there is no object store"),
        ({"PHOTOHUB_MIRROR": "file", "PHOTOHUB_MIRROR_FOLDER": "/mnt/a"}, "there is no object store"),
        ({"REDIS_URL": ""}, "REDIS_URL is empty"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is empty"),
        ({"PHOTOHUB_SECRET_KEY": ""}, "PHOTOHUB_SECRET_KEY is empty"),
        ({"PHOTOHUB_NODE_URL": "http://10.0.0.2/hub"}, "no path"),
    ],
)
def test_one_of_several_needs_what_they_share(changed, sentence, tmp_path):
    error = read_settings(changed, tmp_path)
    assert not sentence or error.splitlines()[-1].count("PHOTOHUB_NODE_URL") == 1
    assert bool(error) == bool(sentence) and sentence in error


def read_settings(changed: dict[str, str], tmp_path: Path) -> str:
    """Return what a start with these settings is refused for; nothing where it is not."""
    env = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | CLUSTER | changed
    env["PHOTOHUB_DATA"] = str(tmp_path / "data")
    command = [sys.executable, "-c", "import photohub.settings"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == (not done.stderr)
    return done.stderr


@pytest.mark.parametrize("kind", ["none", "file"])
def test_two_copies_before_the_answer_need_an_object_store(kind, tmp_path):
    changed = {"PHOTOHUB_ACK": "mirrored", "PHOTOHUB_NODE_URL": ""}
    assert not read_settings(changed, tmp_path)
    error = read_settings(changed | {"PHOTOHUB_MIRROR": kind, "PHOTOHUB_MIRROR_FOLDER": "/mnt/a"}, tmp_path)
    assert "PHOTOHUB_ACK: is mirrored, but there is no object store" in error
