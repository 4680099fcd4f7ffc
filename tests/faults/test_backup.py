"""A backup made under load holds every picture that was answered before it, and comes back whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hub import CAPTURES, hub_with_camera
from tests.faults.ledger import Ledger, compare
from tests.hub_process import HubProcess


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[HubProcess, Ledger]]:
    with hub_with_camera() as both:
        yield both


@pytest.fixture
def running(shared) -> tuple[HubProcess, Ledger]:
    """The file's hub, started again where the test before has stopped it."""
    hub, _ledger = shared
    if not hub.running:
        hub.start()
    return shared


def count_pictures(hub: HubProcess) -> int:
    return len(hub.rows(CAPTURES))


def test_backups_under_load_hold_everything_answered_before_them(running, tmp_path):
    hub, ledger = running
    targets = [tmp_path / "backup", tmp_path / "backup.tar"]
    with ledger.load(senders=3, per_second=20):
        ledger.wait_for(10)
        before = {entry.name for entry in ledger.entries if entry.outcome == "ok"}
        for target in targets:
            hub.run("backup", str(target))
        ledger.wait_for(1)
    ledger.entries = [entry for entry in ledger.entries if entry.name in before]
    copies = [restored(target, ledger) for target in targets]
    copies[0].start()
    assert copies[0].stop() == 0


def restored(target: Path, ledger: Ledger) -> HubProcess:
    """Restore a backup and find in it what the ledger says."""
    copy = HubProcess(target.with_name(f"{target.name}-restored"))
    elsewhere = str(target.with_name("other"))
    copy.run("restore", str(target), "--into", str(copy.data), PHOTOHUB_DATA=elsewhere)
    assert compare(ledger, copy.rows(CAPTURES), copy.data / "pictures") == []
    return copy


def test_a_damaged_picture_is_left_out_and_named_and_an_unfinished_backup_is_refused(running, tmp_path):
    hub, ledger = running
    ledger.send_now(ledger.new_entry(), ledger.new_entry())
    count = count_pictures(hub)
    hub.run("backup", str(tmp_path / "backup"))
    picture = next((tmp_path / "backup" / "pictures").rglob("*.jpg"))
    data = picture.read_bytes()
    picture.unlink()
    picture.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(RuntimeError, match=f"(?s)^.*{count - 1} pictures of.*1 are damaged.*{picture.name}"):
        hub.run("restore", str(tmp_path / "backup"), "--into", str(tmp_path / "new"))
    (tmp_path / "backup" / "manifest.jsonl").unlink()
    with pytest.raises(RuntimeError, match="no finished backup"):
        hub.run("restore", str(tmp_path / "backup"), "--into", str(tmp_path / "newer"))


def test_a_second_backup_adds_only_what_is_new_and_a_running_hub_is_not_overwritten(running, tmp_path):
    hub, ledger = running
    ledger.send_now(ledger.new_entry(), ledger.new_entry())
    count = count_pictures(hub)
    assert f"{count} pictures" in hub.run("backup", str(tmp_path / "backup"))
    ledger.send_now(ledger.new_entry())
    said = hub.run("backup", str(tmp_path / "backup"))
    assert f"{count + 1} pictures are in" in said and " 1 of them new" in said
    assert len(list((tmp_path / "backup").glob("database-*"))) == 1
    assert (tmp_path / "backup" / "secret_key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(RuntimeError, match=r"is running on"):
        hub.run("restore", str(tmp_path / "backup"))
    hub.stop()
    with pytest.raises(RuntimeError, match="is not empty"):
        hub.run("restore", str(tmp_path / "backup"))
