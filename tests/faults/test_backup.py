"""A backup made under load holds every picture that was answered before it, and comes back whole."""

import pytest

from tests.faults.hub import CAPTURES, hub_with_camera
from tests.faults.ledger import compare
from tests.hub_process import HubProcess


def answered_before(ledger) -> set[str]:
    return {entry.name for entry in ledger.entries if entry.outcome == "ok"}


@pytest.mark.parametrize("target", ["backup", "backup.tar"])
def test_a_backup_under_load_holds_everything_answered_before_it(tmp_path, target):
    with hub_with_camera() as (hub, ledger):
        with ledger.load(senders=3, per_second=20):
            ledger.wait_for(10)
            before = answered_before(ledger)
            hub.run("backup", str(tmp_path / target))
            ledger.wait_for(1)
        copy = HubProcess(tmp_path / "restored")
        copy.run(
            "restore", str(tmp_path / target), "--into", str(copy.data), PHOTOHUB_DATA=str(tmp_path / "other")
        )
    rows = copy.rows(CAPTURES)
    assert before <= {row["name"] for row in rows}
    ledger.entries = [entry for entry in ledger.entries if entry.name in before]
    assert compare(ledger, rows, copy.data / "pictures") == []
    copy.start()
    assert copy.stop() == 0


def test_a_second_backup_adds_only_what_is_new_and_a_running_hub_is_not_overwritten(tmp_path):
    with hub_with_camera() as (hub, ledger):
        ledger.send_now(ledger.new_entry(), ledger.new_entry())
        assert "2 pictures" in hub.run("backup", str(tmp_path / "backup"))
        ledger.send_now(ledger.new_entry())
        assert (
            "3 pictures are in" in (said := hub.run("backup", str(tmp_path / "backup")))
            and " 1 of them new" in said
        )
        assert len(list((tmp_path / "backup").glob("database-*"))) == 1
        assert (tmp_path / "backup" / "secret_key").stat().st_mode & 0o777 == 0o600
        with pytest.raises(RuntimeError, match=r"is running on"):
            hub.run("restore", str(tmp_path / "backup"))
        hub.stop()
        with pytest.raises(RuntimeError, match="is not empty"):
            hub.run("restore", str(tmp_path / "backup"))


def test_a_damaged_picture_is_left_out_and_named_and_an_unfinished_backup_is_refused(tmp_path):
    with hub_with_camera() as (hub, ledger):
        ledger.send_now(ledger.new_entry(), ledger.new_entry())
        hub.run("backup", str(tmp_path / "backup"))
        picture = next((tmp_path / "backup" / "pictures").rglob("*.jpg"))
        data = picture.read_bytes()
        picture.unlink()
        picture.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        with pytest.raises(RuntimeError, match=f"(?s)1 pictures of.*{picture.name}"):
            hub.run("restore", str(tmp_path / "backup"), "--into", str(tmp_path / "new"))
        (tmp_path / "backup" / "manifest.jsonl").unlink()
        with pytest.raises(RuntimeError, match="no finished backup"):
            hub.run("restore", str(tmp_path / "backup"), "--into", str(tmp_path / "newer"))
