"""The compose file from one end to the other: the story, a crash of each container, an upgrade, `down` and `up`."""

import json
import subprocess
import tarfile
import urllib.request
from pathlib import Path

import pytest

from tests.containers.composed import OWNER, Composed, composed
from tests.containers.engine import ROOT
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.long
CAPTURES = "SELECT count(*) FROM media_pipeline_capture c JOIN devices_device d ON d.id = c.device_id WHERE d.code = "
CONFINED = ("web", "worker", "beat", "gateway", "mosquitto", "redis", "nginx")
CRASHING = ("web", "worker", "beat", "gateway", "mosquitto", "redis", "nginx", "postgres")


def add_camera(project: Composed, code: str) -> Ledger:
    """Add a camera that uploads through nginx, which says 503 when nobody can say what has become of a picture."""
    made = json.loads(project.run("web", "python", "manage.py", "add_device", code, "--json"))
    return Ledger(project.url, made["key"], prefix=code, unsure=True)


def stored(project: Composed, code: str) -> int:
    sql = f"{CAPTURES}'{code}'"
    words = ("psql", "-U", "photohub", "-d", "photohub", "-At", "-c", sql)
    return int(project.run("postgres", *words))


def send(camera: Ledger, count: int = 3) -> None:
    entries = camera.send_now(*(camera.new_entry() for _ in range(count)))
    assert [entry.answer for entry in entries if entry.outcome != "ok"] == [], [e.status for e in entries]


def make_previews(project: Composed, code: str) -> bool:
    """Tell whether the worker has made the previews of all pictures of this camera."""
    sql = f"{CAPTURES}'{code}' AND c.thumbnail_state <> 'done'"
    return project.run("postgres", "psql", "-U", "photohub", "-d", "photohub", "-At", "-c", sql) == "0"


def test_a_picture_comes_in_and_is_worked_on(project):
    camera = add_camera(project, "story")
    send(camera)
    assert stored(project, "story") == 3
    project.wait("previews are made", lambda: make_previews(project, "story"))
    token = project.run(
        "web", "python", "manage.py", "api_token", OWNER["DJANGO_SUPERUSER_USERNAME"]
    ).split()[-1]
    request = urllib.request.Request(
        f"{project.url}/api/v1/devices/story", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["code"] == "story"


@pytest.mark.parametrize("service", CONFINED)
def test_no_service_has_a_right_or_a_place_that_it_does_not_need(project, service):
    status = project.run(service, "cat", "/proc/1/status")
    found = dict(line.split(":", 1) for line in status.splitlines())
    assert {found[name].strip("\t0") for name in ("CapEff", "CapPrm", "CapBnd")} == {""}
    assert found["NoNewPrivs"].strip() == "1"
    assert "0" not in found["Uid"].split()
    with pytest.raises(RuntimeError, match="Read-only file system"):
        project.run(service, "touch", "/etc/written")


@pytest.mark.parametrize("service", CRASHING)
def test_a_crash_of_one_container_loses_nothing(project, service):
    camera = add_camera(project, f"crash-{service}")
    with camera.load(senders=2, per_second=4):
        camera.wait_for(3)
        project.crash(service)
        camera.wait_for(3, within_s=60)
    camera.replay_unknown()
    assert stored(project, f"crash-{service}") == len([e for e in camera.entries if e.outcome != "no"])
    project.wait("what came is worked on", lambda: make_previews(project, f"crash-{service}"))


def test_down_and_up_keep_everything(project):
    camera = add_camera(project, "kept")
    send(camera)
    project.down()
    project.up()
    assert stored(project, "kept") == 3
    send(camera)


def test_an_upgrade_keeps_everything_and_goes_on(engine, images, tmp_path):
    """From the version before the newest migration, so that there is something to migrate."""
    with composed(engine, tmp_path / "photohub", "photohub-upgraded") as project:
        before = archive_of_earlier(tmp_path / "before")
        engine.run("tag", "photohub:local", "photohub:today")
        engine.build(before, "app", "photohub:local")
        try:
            project.up()
            camera = add_camera(project, "upgraded")
            send(camera)
            project.down()
        finally:
            engine.run("tag", "photohub:today", "photohub:local")
        project.up()
        assert stored(project, "upgraded") == 3
        send(camera)
        project.wait("previews are made", lambda: make_previews(project, "upgraded"))


def archive_of_earlier(folder: Path) -> Path:
    """Lay out the commit before the newest migration."""
    newest = git("log", "-1", "--diff-filter=A", "--format=%H", "--", "*/migrations/*.py")
    packed = folder.with_suffix(".tar")
    git("archive", "--output", str(packed), f"{newest}^")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="tar")
    return folder


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()
