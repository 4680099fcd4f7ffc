"""The disk: full, failing, and in which order a picture is made safe."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import make_spool
from tests.fakes.oss_server import FakeOSS
from tests.faults.hub import (
    CAPTURES,
    check,
    hub_with_camera,
    incoming,
    let_an_hour_pass,
    mirror_states,
    traced,
    wait_until,
)
from tests.faults.ledger import Ledger, compare, make_picture
from tests.hub_process import HubProcess, running_hub

LARGE = 900_000
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}


@contextlib.contextmanager
def hub_on_a_small_disk(tmp_path: Path, size_mb: int, **env: str) -> Iterator[tuple[HubProcess, Ledger]]:
    """Run a hub whose data folder is a file system of its own, of this size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", disk], check=True)
    try:
        with running_hub(env={"PHOTOHUB_DATA": str(disk / "data"), **env}) as hub:
            yield hub, Ledger(hub.url, hub.add_device("porch")["key"])
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(folder: Path, leave_bytes: int) -> Path:
    """Fill the file system up to so many bytes; return the file that does it."""
    free = int(subprocess.check_output(["df", "--output=avail", "-B1", folder]).split()[-1])
    ballast = folder / "ballast"
    subprocess.run(["fallocate", "-l", str(free - leave_bytes), ballast], check=True)
    return ballast


def test_at_the_floor_uploads_are_refused_unread_and_resume_when_there_is_room(floor):
    hub, ledger, ballast, _oss = floor
    assert hub.answers() and not incoming(hub)
    ballast.unlink()
    wait_until(lambda: ledger.send_now(ledger.new_entry())[0].outcome == "ok", 5, "uploads resume")
    check(hub, ledger)


def test_at_the_floor_people_are_served_and_the_mirror_is_filled_further(floor):
    hub, ledger, _ballast, oss = floor
    assert sign_in_and_look(hub) == [200, 200, 200]
    oss.start()
    hub.stop()
    let_an_hour_pass(hub)
    hub.start()
    wait_until(lambda: mirror_states(hub).keys() == {"mirrored"}, 60, "the mirror is filled")
    wait_until(lambda: refusal_of(ledger) == (507, "disk_full"), 20, "the disk is at its floor")
    check(hub, ledger)


@pytest.fixture
def floor(small_disk) -> Iterator[tuple[HubProcess, Ledger, Path, FakeOSS]]:
    """A hub whose disk is at its floor, with pictures that wait for a mirror that is away."""
    hub, ledger, oss = small_disk
    oss.stop()
    ledger.send_now(*(ledger.new_entry() for _ in range(5)))
    ballast = fill(hub.data, 5_000_000)
    # The hub asks for the free space now and then.
    wait_until(lambda: refusal_of(ledger) == (507, "disk_full"), 20, "uploads are refused")
    yield hub, ledger, ballast, oss
    ballast.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory) -> Iterator[tuple[HubProcess, Ledger, FakeOSS]]:
    with FakeOSS() as oss:
        env = oss.settings() | {"PHOTOHUB_DISK_FLOOR": "10MB"} | OWNER
        with hub_on_a_small_disk(tmp_path_factory.mktemp("small"), 60, **env) as (hub, ledger):
            yield hub, ledger, oss


def refusal_of(ledger: Ledger) -> tuple[int, str | None]:
    entry = ledger.send_now(ledger.new_entry())[0]
    return entry.status, entry.answer.get("err")


def sign_in_and_look(hub: HubProcess) -> list[int]:
    """Sign in, which writes, and open the live page, the history and the back office."""
    with httpx.Client(base_url=hub.url, follow_redirects=True, trust_env=False) as person:
        person.get("/login")
        form = {
            "username": OWNER["DJANGO_SUPERUSER_USERNAME"],
            "password": OWNER["DJANGO_SUPERUSER_PASSWORD"],
        }
        person.post("/login", data=form | {"csrfmiddlewaretoken": person.cookies["photohub_csrf"]})
        assert person.cookies["photohub"]
        return [person.get(path).status_code for path in ("/", "/api/v1/captures", "/admin/")]


def test_a_disk_that_fills_up_below_the_hub_loses_nothing_and_recovers(tmp_path):
    with hub_on_a_small_disk(tmp_path, 120, PHOTOHUB_DISK_FLOOR="0") as (hub, ledger):
        ballast = fill(hub.data, 3_000_000)
        with ledger.load(senders=4, size_bytes=120_000):
            wait_until(lambda: ledger.count("no") >= 20, 30, "the disk is full")
            ballast.unlink()
            ledger.wait_for(10)
        assert {e.status for e in ledger.entries if e.outcome == "no"} <= {503, 507}
        assert check(hub, ledger) == []


def steps() -> list:
    """Return every step with one error in the short form; each with the other one has a test without a hub's start too."""
    points = ["ingest.written", "ingest.synced", "ingest.renamed", "ingest.folder_synced"]
    errors = [("ENOSPC", 507), ("EIO", 503)]
    first = [(point, *errors[number % 2]) for number, point in enumerate(points)]
    others = [(point, *errors[1 - number % 2]) for number, point in enumerate(points)]
    return [*first, *(pytest.param(*other, marks=pytest.mark.long) for other in others)]


@pytest.mark.parametrize(("point", "errno_name", "status"), steps())
def test_a_step_that_the_disk_refuses_is_refused_and_leaves_nothing(shared, point, errno_name, status):
    hub, ledger = shared
    restart(hub, f"{point}:raise:{errno_name}@1")
    for size in (20_000, LARGE):
        entry = ledger.send_now(ledger.new_entry(size))[0]
        if size == 20_000:
            assert entry.status == status
        assert check(hub, ledger) == [] and not incoming(hub)


def restart(hub: HubProcess, fault: str) -> None:
    hub.kill()
    hub.start(PHOTOHUB_FAIL=fault)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[HubProcess, Ledger]]:
    with hub_with_camera() as both:
        yield both


def test_after_a_failed_sync_a_large_picture_is_written_anew():
    # The system calls the pages clean after one failed sync, so a second one of the same file would lie.
    data = make_picture(LARGE)
    spool = make_spool(data)
    _, first = spool.to_file()
    _, second = spool.to_file()
    assert second != first and not first.exists()
    assert second.read_bytes() == data
    spool.discard()


def test_code_0_is_said_after_file_folder_and_database_are_synced(tmp_path):
    trace = tmp_path / "trace"
    calls = "trace=openat,write,pwrite64,fsync,fdatasync,rename,renameat2,syncfs,sendto,sendmsg,writev"
    with (
        hub_with_camera() as (hub, ledger),
        traced(hub, "-y", "-s", "60", "-e", calls, "-o", str(trace)),
    ):
        assert ledger.send_now(ledger.new_entry())[0].outcome == "ok"
    assert_safe_before_answered(trace.read_text())


def assert_safe_before_answered(trace: str) -> None:
    """Look for the system calls in order; with a journal the file is renamed first, and one sync may stand for all."""
    write, rename = r"write\(\d+<\S*/incoming/in-\w+>", r'rename\("\S*/incoming/in-\S+", "\S*/pictures/porch/'
    sync_file = r"fsync\(\d+<\S*/incoming/in-\w+>"
    sync_renamed = r"fsync\(\d+<\S*/pictures/porch/[0-9-]+/[0-9a-f-]+\.jpg>"
    sync_folder = r"fsync\(\d+<\S*/pictures/porch/[0-9-]+>"
    sync_all = r"syncfs\(\d+<\S*/pictures/porch/[0-9-]+>"
    commit = r"f(data)?sync\(\d+<\S*/photohub\.sqlite3-wal>"
    answer = r"(sendto|sendmsg|write|writev)\(\d+<(socket|TCP)\S*.*HTTP/1\.1 200 OK"
    watched = r'openat\(.*"\S*/pictures/porch/[0-9-]+", \S*O_DIRECTORY'
    if re.search(sync_all, trace):
        files = [watched, write, rename, sync_all]
    elif re.search(sync_renamed, trace):
        files = [write, rename, sync_renamed, sync_folder]
    else:
        files = [write, sync_file, rename, sync_folder]
    position = 0
    for pattern in [*files, commit, answer]:
        match = re.compile(pattern).search(trace, position)
        assert match, f"{pattern} does not come after what must be before it."
        position = match.end()


def test_a_small_disk_is_really_small(tmp_path):
    with hub_on_a_small_disk(tmp_path, 40) as (hub, ledger):
        entry = ledger.send_now(ledger.new_entry())[0]
        assert entry.status == 507, "The usual floor of 500 MB is above the whole disk."
        compare(ledger, hub.rows(CAPTURES), hub.data / "pictures")
