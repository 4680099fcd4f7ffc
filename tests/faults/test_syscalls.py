"""Each system call on the way to a safe picture fails once: no code 0, nothing left, and the next try comes whole."""

import ctypes
import errno
import hashlib
import os

import pytest

from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import Receipt, ingest_batch
from media_pipeline.picture_files import store, syncing
from media_pipeline.picture_files.refusals import Refused
from photohub.lib.files import blobs, moving
from tests.builders import make_device, make_spool, make_upload
from tests.faults.hub import check, hub_with_camera, traced
from tests.faults.ledger import make_picture

SYNCS = "fsync,fdatasync,syncfs"
SMALL, LARGE = 20_000, 900_000
# A new folder's parents are synced first; the third folder is the picture's own.
FOR_EACH_FILE = ["open", "write", "fsync", "rename", "open folder", "fsync folder", "fsync folder@3", "mkdir"]


# After the renames, where a journal makes all of them durable together.
ON_JOURNAL = [f"{call} of the journal," for call in ("fsync", "rename", "fsync folder@3")]


class Failing:
    """Stands for `os` in the modules that write pictures; one call fails, once."""

    def __init__(self, call: str, error: int) -> None:
        call, _, at = call.partition("@")
        self._call, _, folder = call.partition(" ")
        self._folder = bool(folder)
        self._before = int(at or 1) - 1
        self._error: int | None = error

    def __getattr__(self, name: str):
        real = getattr(os, name)
        return self._wrapped(real) if name == self._call else real

    def _wrapped(self, real):
        def call(target, *rest, **options):
            if self._error and self._folder == self._is_folder(target, rest) and self._is_due():
                error, self._error = self._error, None
                raise OSError(error, os.strerror(error))
            return real(target, *rest, **options)

        return call

    def _is_due(self) -> bool:
        self._before -= 1
        return self._before < 0

    def _is_folder(self, target, rest: tuple) -> bool:
        if self._call == "open":
            return bool(rest[0] & os.O_DIRECTORY)
        return isinstance(target, int) and os.path.isdir(f"/proc/self/fd/{target}")

    @property
    def has_failed(self) -> bool:
        return self._error is None


class FailingSync:
    """Stands for the C library, whose `syncfs` fails once."""

    has_failed = False

    def __init__(self, error: int) -> None:
        self._error = error

    def syncfs(self, descriptor: int) -> int:
        if self.has_failed:
            return 0
        self.has_failed = True
        ctypes.set_errno(self._error)
        return -1


def files() -> list:
    return [path for path in store.settings.PHOTOHUB_DATA.rglob("*") if path.is_file()]


def arm(monkeypatch, call: str, error: int) -> Failing | FailingSync:
    """Let this call of the writing modules fail once."""
    call, _, on_journal = call.partition(" of the journal")
    at_once = call == "syncfs" or bool(on_journal)
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: at_once)
    monkeypatch.setattr(syncing._paces, "choose", lambda files: "whole" if call == "syncfs" else "each")
    if call == "syncfs":
        monkeypatch.setattr(syncing, "_libc", failing := FailingSync(error))
        return failing
    failing = Failing(call, error)
    for module in (store, syncing, blobs, moving):
        monkeypatch.setattr(module, "os", failing)
    if call == "mkdir":
        path = type(store.settings.PICTURES_DIR)
        monkeypatch.setattr(path, "mkdir", failing._wrapped(path.mkdir))
    return failing


@pytest.mark.django_db
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", [*FOR_EACH_FILE, *ON_JOURNAL, "syncfs"])
def test_a_call_that_fails_once_is_answered_no_and_leaves_nothing(monkeypatch, settings, call, error, size):
    settings.PHOTOHUB_DATA = settings.PICTURES_DIR.parent
    failing, data = arm(monkeypatch, call, error), make_picture(size)
    spool, word = take_in(data)
    if spool is not None:
        [outcome] = ingest_batch([make_upload(make_device(), data, body=spool)])
        assert isinstance(outcome, Refused) and not Capture.objects.exists()
        word = outcome.word
        spool.discard()
    assert failing.has_failed and files() == []
    assert word == ("busy" if error == errno.EIO else "disk_full")


def take_in(data: bytes) -> tuple[store.Spool | None, str]:
    """Take a body in as the endpoint does; no spool, and the endpoint's word, when the disk refuses it meanwhile."""
    spool = store.Spool()
    try:
        for start in range(0, len(data), 65_536):
            spool.write(data[start : start + 65_536])
    except OSError as error:
        spool.discard()
        return None, store.refusal_of(error).word
    return spool, ""


@pytest.mark.django_db
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("call", [*FOR_EACH_FILE[2:], *ON_JOURNAL, "syncfs"])
def test_a_neighbour_of_the_one_that_failed_is_written_anew_and_comes_whole(monkeypatch, call, size):
    arm(monkeypatch, call, errno.EIO)
    device, pictures = make_device(), [make_picture(size) for _ in range(3)]
    uploads = [make_upload(device, data, name=f"p{n}") for n, data in enumerate(pictures)]
    outcomes = ingest_batch(uploads)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    stored = {c.name: store.full_path(c.path).read_bytes() for c in Capture.objects.all()}
    assert [stored[f"p{n}"] for n in range(3)] == pictures


def test_a_large_body_is_whole_after_a_second_writing_that_failed_halfway(monkeypatch):
    data = os.urandom(LARGE)
    spool = make_spool(data)
    spool.to_file()
    real, calls = os.write, []

    def write_half(file: int, view: memoryview) -> int:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return real(file, view[: len(view) // 2]) if len(calls) == 1 else real(file, view)

    monkeypatch.setattr(store.os, "write", write_half)
    with pytest.raises(OSError, match="full"):
        spool.to_file()
    _, path = spool.to_file()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == spool.sha256
    spool.discard()
    assert not path.exists()


def test_a_new_folder_is_synced_by_whoever_relies_on_it_first(monkeypatch, settings):
    synced = []
    monkeypatch.setattr(syncing, "_can_sync_at_once", lambda folder: False)
    # Another process made the folders and was killed before it had synced them.
    store.full_path("cam/2026-01-01").mkdir(parents=True)
    monkeypatch.setattr(syncing, "sync_folder", synced.append)
    for name in ("a", "b"):
        spool = make_spool(b"x")
        store.place({f"cam/2026-01-01/{name}.jpg": spool})
        spool.discard()
    folder = settings.PICTURES_DIR
    assert synced == [folder, folder / "cam", folder / "cam/2026-01-01", folder / "cam/2026-01-01"]


def test_a_disk_whose_syncs_fail_now_and_then_loses_nothing_that_was_answered():
    failing = ["-o", "/dev/null", "-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:error=EIO:when=12+7"]
    with hub_with_camera() as (hub, ledger):
        with traced(hub, *failing), ledger.load(senders=4):
            ledger.wait_for(5, "no", within_s=40)
            ledger.wait_for(20, within_s=40)
        hub.stop()
        hub.start()
        # Of a commit that failed at the disk nobody knows whether its rows come back, so its files wait for the sweep.
        assert len(check(hub, ledger)) <= ledger.count("no")
    assert {entry.status for entry in ledger.entries if entry.outcome == "no"} <= {503, 507}
