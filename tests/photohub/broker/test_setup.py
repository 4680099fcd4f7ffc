import json

from photohub.broker.setup import ROLE, set_up_accounts


def clients(file) -> dict:
    return {c["username"]: c for c in json.loads(file.read_text())["clients"]}


def test_the_hub_may_do_everything_and_nobody_else_anything(tmp_path):
    file = tmp_path / "new" / "accounts.json"
    assert set_up_accounts(file, "hub", "pw")
    made = json.loads(file.read_text())
    assert made["defaultACLAccess"]["publishClientSend"] is False
    assert made["defaultACLAccess"]["subscribe"] is False
    assert clients(file)["hub"]["roles"] == [{"rolename": ROLE}]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_second_time_changes_nothing(tmp_path):
    file = tmp_path / "accounts.json"
    set_up_accounts(file, "hub", "pw")
    before = file.read_bytes()
    assert not set_up_accounts(file, "hub", "pw")
    assert file.read_bytes() == before


def test_another_password_is_taken_and_devices_stay(tmp_path):
    file = tmp_path / "accounts.json"
    set_up_accounts(file, "hub", "pw")
    known = json.loads(file.read_text())
    known["clients"].append({"username": "gate", "roles": []})
    file.write_text(json.dumps(known))
    old = clients(file)["hub"]["password"]
    assert set_up_accounts(file, "hub", "other")
    assert clients(file)["hub"]["password"] != old
    assert "gate" in clients(file)


def test_a_renamed_hub_leaves_no_second_administrator(tmp_path):
    file = tmp_path / "accounts.json"
    set_up_accounts(file, "hub", "pw")
    set_up_accounts(file, "photohub", "pw")
    assert list(clients(file)) == ["photohub"]
