import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices import broker_accounts, dynsec, identity
from devices.dynsec import Answer, Held, Wanted
from devices.models import BrokerAccount
from tests.builders import make_device, make_user

GATE = Wanted("gate", ("photohub/gate/status",), ("photohub/gate/command",), secret="s3cret")
RULES = frozenset(
    {
        ("publishClientSend", "photohub/gate/status", True),
        ("subscribePattern", "photohub/gate/command", True),
    }
)
IN_STEP = Held(client=True, has_role=True, acls=RULES)


@pytest.fixture(autouse=True)
def _outside_broker(settings):
    settings.MQTT_URL, settings.MQTT_DYNSEC = "mqtt://hub:pw@broker:1883", True


def verbs(wanted: Wanted, held: Held) -> list[str]:
    return [command["command"] for command in dynsec.commands_for(wanted, held)]


def without_secret(wanted: Wanted, **changes) -> Wanted:
    values = {"secret": None, **changes}
    return Wanted(**(wanted.__dict__ | values))


def test_a_new_account_gets_its_role_first():
    role, client = dynsec.commands_for(GATE, Held())
    assert (role["command"], role["rolename"]) == ("createRole", "photohub:gate")
    assert {(a["acltype"], a["topic"], a["allow"]) for a in role["acls"]} == RULES
    assert (client["command"], client["password"]) == ("createClient", "s3cret")
    assert client["roles"] == [{"rolename": "photohub:gate", "priority": 0}]


def test_what_is_in_step_is_left_alone():
    assert verbs(without_secret(GATE), IN_STEP) == []


def test_new_topics_change_the_role_and_kick_nobody():
    assert verbs(without_secret(GATE, publish=("other",)), IN_STEP) == ["modifyRole"]


def test_a_new_key_sets_the_password_only():
    assert verbs(GATE, IN_STEP) == ["setClientPassword"]


def test_switching_off_and_on():
    off = Held(client=True, enabled=False, has_role=True, acls=RULES)
    assert verbs(without_secret(GATE, enabled=False), IN_STEP) == ["disableClient"]
    assert verbs(without_secret(GATE), off) == ["enableClient"]


def test_removing_takes_only_what_is_there():
    gone = without_secret(GATE, exists=False)
    assert verbs(gone, IN_STEP) == ["deleteClient", "deleteRole"]
    assert verbs(gone, Held()) == []


def test_an_unknown_account_without_secret_needs_a_key():
    assert dynsec.needs_key(without_secret(GATE), Held())
    assert verbs(without_secret(GATE), Held()) == []


def test_answers_are_found_by_their_correlation():
    said = [{"command": "x", "correlationData": "a"}, {"error": "Role not found", "correlationData": "b"}]
    payload = json.dumps({"responses": said}).encode()
    assert dynsec.read_answers(payload) == {"a": Answer(), "b": Answer("Role not found")}


@pytest.mark.parametrize("junk", [b"", b"[]", b'{"responses":3}', b'{"responses":[3]}', b"\xff"])
def test_junk_holds_no_answers(junk):
    assert dynsec.read_answers(junk) == {}


def test_what_is_so_already_is_not_refused():
    assert not dynsec.refused({"command": "createRole"}, Answer("Role already exists"))
    assert not dynsec.refused({"command": "deleteClient"}, Answer("Client not found"))
    assert dynsec.refused({"command": "setClientPassword"}, Answer("Client not found"))


def test_read_held_of_a_broker_answer():
    account = {"username": "gate", "disabled": True, "roles": [{"rolename": "photohub:gate"}]}
    client = Answer(data={"client": account})
    role = Answer(data={"role": {"acls": [{"acltype": k, "topic": t, "allow": a} for k, t, a in RULES]}})
    assert dynsec.read_held("gate", client, role) == Held(True, False, True, RULES)
    assert dynsec.read_held("gate", Answer("Client not found"), Answer("Role not found")) == Held()


@pytest.mark.django_db
def test_a_claimed_account_is_claimed_once_and_its_secret_wiped():
    make_device("gate")
    [claimed] = dynsec.claim_due("hub")
    assert claimed.wanted.secret and claimed.wanted.publish
    assert dynsec.claim_due("hub") == []
    dynsec.note_done(claimed)
    row = BrokerAccount.objects.get()
    assert (row.state, row.secret_encrypted) == (BrokerAccount.State.SYNCED, None)


@pytest.mark.django_db
def test_a_key_issued_meanwhile_is_not_wiped():
    device = make_device("gate")
    [claimed] = dynsec.claim_due("hub")
    key = identity.issue_key(device)
    dynsec.note_done(claimed)
    [again] = dynsec.claim_due("hub")
    assert again.wanted.secret == key


@pytest.mark.django_db
def test_a_refused_account_waits_and_says_why():
    make_device("gate")
    [claimed] = dynsec.claim_due("hub")
    dynsec.note_failed(claimed, "Internal error")
    row = BrokerAccount.objects.get()
    assert row.error == "Internal error"
    assert row.next_try_at > timezone.now() + timedelta(seconds=3)


@pytest.mark.django_db
def test_the_hubs_own_account_is_never_touched():
    make_device("hub")
    assert dynsec.claim_due("hub") == []
    assert "hub itself" in BrokerAccount.objects.get().error


@pytest.mark.django_db
def test_revoking_the_newest_of_two_keys_ends_the_account():
    device = make_device("gate")
    identity.issue_key(device)
    identity.revoke_key(device.keys.first())
    [claimed] = dynsec.claim_due("hub")
    assert not claimed.wanted.exists
    dynsec.note_done(claimed)
    assert BrokerAccount.objects.get().state == BrokerAccount.State.NEEDS_KEY


@pytest.mark.django_db
def test_a_person_named_like_a_device_does_not_get_its_account():
    device = make_device("gate")
    broker_accounts.want_person(make_user("gate", "viewer"), "token")
    assert BrokerAccount.objects.get().device == device


@pytest.mark.django_db
def test_comparing_finds_lost_and_left_over_accounts():
    make_device("gate")
    dynsec.note_done(dynsec.claim_due("hub")[0])
    assert dynsec.compare_with({"sold"}) == ["sold"]
    assert BrokerAccount.objects.get().state == BrokerAccount.State.PENDING


@pytest.mark.django_db
def test_a_person_is_told_again_when_his_devices_change():
    make_device("gate")
    broker_accounts.want_person(make_user("bea", "viewer"), "token")
    for claimed in dynsec.claim_due("hub"):
        dynsec.note_done(claimed)
    told: dict[str, Wanted] = {}
    dynsec.ask_for_changed_people(told)
    [claimed] = dynsec.claim_due("hub")
    dynsec.note_done(claimed)
    dynsec.ask_for_changed_people(told)
    assert (claimed.wanted.subscribe, dynsec.claim_due("hub")) == (("photohub/gate/result",), [])


class SilentLink:
    """A broker that answers nothing; what it was told is kept."""

    def __init__(self) -> None:
        self.said: list[dict] = []

    async def publish(self, topic: str, payload: bytes) -> None:
        self.said.append(json.loads(payload))


async def test_a_silent_broker_is_named(monkeypatch):
    monkeypatch.setattr(dynsec, "_ANSWER_WITHIN_S", 0.05)
    link = SilentLink()
    with pytest.raises(dynsec.BrokerSilent, match="dynamic-security"):
        await dynsec.Accounts(link, "hub").look_once()
    assert link.said[0]["commands"][0]["command"] == "listRoles"
