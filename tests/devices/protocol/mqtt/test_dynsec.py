import json

import pytest

from devices.protocol.mqtt import dynsec
from devices.protocol.mqtt.dynsec import Answer, Held, Wanted

GATE = Wanted("gate", ("photohub/gate/status",), ("photohub/gate/command",), secret="s3cret")
RULES = frozenset(
    {
        ("publishClientSend", "photohub/gate/status", True),
        ("subscribePattern", "photohub/gate/command", True),
    }
)
IN_STEP = Held(client=True, has_role=True, acls=RULES)


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


def test_a_fingerprint_tells_other_topics_and_nothing_else():
    same = without_secret(GATE, enabled=False)
    assert dynsec.fingerprint_of(same) == dynsec.fingerprint_of(GATE)
    others = [without_secret(GATE, publish=("other",)), without_secret(GATE, exists=False)]
    swapped = without_secret(GATE, publish=GATE.subscribe, subscribe=GATE.publish)
    assert len({dynsec.fingerprint_of(wanted) for wanted in (GATE, *others, swapped)}) == 4
