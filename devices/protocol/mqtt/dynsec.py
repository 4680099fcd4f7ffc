"""The control interface of Mosquitto's dynamic-security plugin (2.0): what an account should be, what the broker
holds, and the commands that lead from one to the other.

Each account has a role of its own with its topics, because the plugin knows no placeholder for the user
name. What the broker holds is read first and only what differs is sent: changing a role leaves a connection
open, but a new password, a role added again, switching off and deleting end it.

The control interface (https://mosquitto.org/documentation/dynamic-security/): JSON on
`$CONTROL/dynamic-security/v1`, `{"commands":[{"command":…,"correlationData":…},…]}`; answers on
`…/v1/response`, where everybody's answers come:
`{"responses":[{"command":…,"error"?:…,"data"?:{…},"correlationData":…},…]}`.
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256

from devices.protocol.json_fields import read_json

REQUEST = "$CONTROL/dynamic-security/v1"
RESPONSE = f"{REQUEST}/response"
ROLE_PREFIX = "photohub:"
# The names of a hundred thousand roles.
MAX_ANSWER_BYTES = 16 * 2**20
# What a repeated command may be answered, so that a message said twice does no harm.
_FORGIVEN = {"create": ("already exists",), "delete": ("not found", "does not exist"), "get": ("not found",)}


class BrokerSilent(Exception):
    """The broker did not answer a control message; the text says what to look at."""


@dataclass(frozen=True)
class Wanted:
    """An account as it should be. `secret` is there only when the broker is to take a new one."""

    username: str
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    secret: str | None = None
    enabled: bool = True
    exists: bool = True


@dataclass(frozen=True)
class Held:
    """An account as the broker has it. `acls` is None when it has no role of that name."""

    client: bool = False
    enabled: bool = True
    has_role: bool = False
    acls: frozenset[tuple[str, str, bool]] | None = None


@dataclass(frozen=True)
class Answer:
    """The broker's answer to one command; `error` is empty when it did it."""

    error: str = ""
    data: dict = field(default_factory=dict)


def role_of(username: str) -> str:
    return f"{ROLE_PREFIX}{username}"


def acls_of(wanted: Wanted) -> list[dict]:
    """Return the rules of the account's role; what they do not name is denied."""
    rules = [("publishClientSend", topic) for topic in wanted.publish]
    rules += [("subscribePattern", topic) for topic in wanted.subscribe]
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in rules]


def fingerprint_of(wanted: Wanted) -> str:
    """Return a word that changes with what the account's role should allow, and with nothing else."""
    rules = sorted(_rule(rule) for rule in acls_of(wanted))
    return sha256(json.dumps([wanted.exists, rules]).encode()).hexdigest()


def questions(username: str) -> list[dict]:
    """Return the two commands whose answers `read_held` takes."""
    return [
        {"command": "getClient", "username": username},
        {"command": "getRole", "rolename": role_of(username)},
    ]


def read_held(username: str, client: Answer, role: Answer) -> Held:
    """Read what the broker holds. Raises BrokerSilent when it refused to say."""
    for command, answer in zip(questions(username), (client, role), strict=True):
        if refused(command, answer):
            raise BrokerSilent(answer.error)
    found = client.data.get("client") or {}
    names = {item.get("rolename") for item in found.get("roles", [])}
    rules = (role.data.get("role") or {}).get("acls") if not role.error else None
    return Held(
        client=bool(found),
        enabled=not found.get("disabled", False),
        has_role=role_of(username) in names,
        acls=None if rules is None else frozenset(_rule(rule) for rule in rules),
    )


def _rule(rule: dict) -> tuple[str, str, bool]:
    return str(rule.get("acltype")), str(rule.get("topic")), bool(rule.get("allow"))


def needs_key(wanted: Wanted, held: Held) -> bool:
    """Tell whether the broker lacks the account and nobody can say its secret any more."""
    return wanted.exists and not held.client and wanted.secret is None


def commands_for(wanted: Wanted, held: Held) -> list[dict]:
    """Return the commands that lead from what the broker holds to what is wanted, if any."""
    username, role = wanted.username, role_of(wanted.username)
    if not wanted.exists:
        commands = [{"command": "deleteClient", "username": username}] if held.client else []
        return commands + ([{"command": "deleteRole", "rolename": role}] if held.acls is not None else [])
    if needs_key(wanted, held):
        return []
    rules = acls_of(wanted)
    commands = []
    if held.acls is None:
        commands.append({"command": "createRole", "rolename": role, "acls": rules})
    elif held.acls != {_rule(rule) for rule in rules}:
        commands.append({"command": "modifyRole", "rolename": role, "acls": rules})
    return commands + _client_commands(wanted, held, role)


def _client_commands(wanted: Wanted, held: Held, role: str) -> list[dict]:
    username, commands = wanted.username, []
    if not held.client:
        roles = [{"rolename": role, "priority": 0}]
        create = {"command": "createClient", "username": username, "password": wanted.secret, "roles": roles}
        commands.append(create)
    else:
        if not held.has_role:
            commands.append(
                {"command": "addClientRole", "username": username, "rolename": role, "priority": 0}
            )
        if wanted.secret is not None:
            commands.append({"command": "setClientPassword", "username": username, "password": wanted.secret})
    if held.enabled != wanted.enabled:
        word = "enableClient" if wanted.enabled else "disableClient"
        commands.append({"command": word, "username": username})
    return commands


def refused(command: dict, answer: Answer) -> bool:
    """Tell whether the broker did not do it and it is not so already."""
    forgiven = next((words for verb, words in _FORGIVEN.items() if command["command"].startswith(verb)), ())
    return bool(answer.error) and not any(words in answer.error for words in forgiven)


def read_answers(payload: bytes) -> dict[str, Answer]:
    """Return the answers by their correlation data; what is not an answer is left out."""
    try:
        responses = read_json(payload, MAX_ANSWER_BYTES)["responses"]
        return {str(r["correlationData"]): _read_answer(r) for r in responses if "correlationData" in r}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _read_answer(response: dict) -> Answer:
    data = response.get("data")
    return Answer(str(response.get("error", "")), data if isinstance(data, dict) else {})
