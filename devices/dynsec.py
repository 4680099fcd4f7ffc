"""Keeps the accounts of Mosquitto's dynamic-security plugin (2.0) in step with the `BrokerAccount` rows.

Each account has a role of its own with its topics, because the plugin knows no placeholder for the user
name. What the broker holds is read first and only what differs is sent: changing a role leaves a connection
open, but a new password, a role added again, switching off and deleting end it.

The control interface (https://mosquitto.org/documentation/dynamic-security/): JSON on
`$CONTROL/dynamic-security/v1`, `{"commands":[{"command":…,"correlationData":…},…]}`; answers on
`…/v1/response`, where everybody's answers come:
`{"responses":[{"command":…,"error"?:…,"data"?:{…},"correlationData":…},…]}`.
"""

import asyncio
import json
import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from photohub.lib.db import in_thread
from photohub.lib.sealed import open_sealed

from . import addressing
from .access import Action, can
from .models import BrokerAccount
from .mqtt import Link, MqttDown

log = logging.getLogger(__name__)

REQUEST = "$CONTROL/dynamic-security/v1"
RESPONSE = f"{REQUEST}/response"
ROLE_PREFIX = "photohub:"
LOOK_EVERY_S = 8.0
COMMANDS_PER_MESSAGE = 50
_ACCOUNTS_AT_ONCE = 25
_ANSWER_WITHIN_S = 10.0
_CLAIM_S = 30
_BACK_OFF_AT_MOST_S = 300
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


# --- pure: what to tell the broker --------------------------------------------------------------------------


def role_of(username: str) -> str:
    return f"{ROLE_PREFIX}{username}"


def acls_of(wanted: Wanted) -> list[dict]:
    """Return the rules of the account's role; what they do not name is denied."""
    rules = [("publishClientSend", topic) for topic in wanted.publish]
    rules += [("subscribePattern", topic) for topic in wanted.subscribe]
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in rules]


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
        responses = json.loads(payload)["responses"]
        return {str(r["correlationData"]): _read_answer(r) for r in responses if "correlationData" in r}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _read_answer(response: dict) -> Answer:
    data = response.get("data")
    return Answer(str(response.get("error", "")), data if isinstance(data, dict) else {})


# --- the rows -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claimed:
    """A row that this gateway works on until `until`; a later wish on the row changes that time, and wins."""

    row: BrokerAccount
    wanted: Wanted
    until: datetime


def claim_due(hub_username: str) -> list[Claimed]:
    """Claim the accounts that the broker is to be told of. Two gateways never claim the same one."""
    now = timezone.now()
    rows = BrokerAccount.objects.to_tell().select_related("device", "user").filter(next_try_at__lte=now)
    claimed = (_claim(row, hub_username) for row in rows.order_by("next_try_at")[:_ACCOUNTS_AT_ONCE])
    return [item for item in claimed if item is not None]


def _claim(row: BrokerAccount, hub_username: str) -> Claimed | None:
    until = timezone.now() + timedelta(seconds=_CLAIM_S)
    rows = BrokerAccount.objects.filter(pk=row.pk, next_try_at=row.next_try_at, state=row.state)
    if not rows.update(next_try_at=until, attempts=F("attempts") + 1):
        return None
    claimed = Claimed(row, wanted_of(row), until)
    if row.username == hub_username:
        note_failed(claimed, _("This name belongs to the hub itself. Choose another one."))
        return None
    return claimed


def wanted_of(row: BrokerAccount) -> Wanted:
    """Return the account that a row asks for, with its present topics."""
    secret = open_sealed(row.secret_encrypted) if row.secret_encrypted else None
    if row.device is not None:
        publish, subscribe = addressing.rights_of(row.device)
        enabled = row.device.enabled
        return Wanted(row.username, tuple(publish), tuple(subscribe), secret, enabled, exists=row.wanted)
    if row.user is None or not can(row.user, Action.LOOK):
        return Wanted(row.username, exists=False)
    topics = tuple(addressing.rights_of_person(row.user))
    return Wanted(row.username, (), topics, secret, exists=row.wanted)


def note_done(claimed: Claimed) -> None:
    """The broker has it: the secret is not needed any more."""
    key_missing = not claimed.wanted.exists and _has_live_key(claimed.row)
    _finish(claimed, BrokerAccount.State.NEEDS_KEY if key_missing else BrokerAccount.State.SYNCED)


def note_needs_key(claimed: Claimed) -> None:
    _finish(claimed, BrokerAccount.State.NEEDS_KEY)


def _has_live_key(row: BrokerAccount) -> bool:
    # The older of two keys is still good for uploads, but nobody can tell it to the broker.
    return row.device is not None and row.device.keys.filter(revoked_at=None).exists()


def _finish(claimed: Claimed, state: str) -> None:
    BrokerAccount.objects.filter(pk=claimed.row.pk, next_try_at=claimed.until).update(
        state=state, secret_encrypted=None, attempts=0, error="", changed_at=timezone.now()
    )


def note_failed(claimed: Claimed, sentence: str) -> None:
    """The broker refused: it is told again later and later."""
    wait_s = min(_BACK_OFF_AT_MOST_S, 5 * 2 ** min(claimed.row.attempts, 8))
    BrokerAccount.objects.filter(pk=claimed.row.pk, next_try_at=claimed.until).update(
        error=sentence[:300], next_try_at=timezone.now() + timedelta(seconds=wait_s)
    )


def compare_with(usernames: set[str]) -> list[str]:
    """Ask again for accounts that the broker lost; return those it has without a row (a deleted device's)."""
    rows = dict(BrokerAccount.objects.values_list("username", "state"))
    synced = BrokerAccount.objects.filter(wanted=True, state=BrokerAccount.State.SYNCED)
    lost = [name for name in synced.values_list("username", flat=True) if name not in usernames]
    for start in range(0, len(lost), 500):
        synced.filter(username__in=lost[start : start + 500]).update(
            state=BrokerAccount.State.PENDING, next_try_at=timezone.now()
        )
    return sorted(usernames - set(rows))


def ask_for_changed_people(told: dict[str, Wanted]) -> None:
    """Ask for people's accounts again whose devices changed since `told`, which is brought up to date."""
    rows = BrokerAccount.objects.select_related("user").exclude(user=None)
    for row in rows.filter(device=None, wanted=True, state=BrokerAccount.State.SYNCED):
        wanted = wanted_of(row)
        if told.get(row.username) != wanted:
            told[row.username] = wanted
            BrokerAccount.objects.filter(pk=row.pk, state=BrokerAccount.State.SYNCED).update(
                state=BrokerAccount.State.PENDING, next_try_at=timezone.now()
            )


# --- the conversation ---------------------------------------------------------------------------------------


class Accounts:
    """The conversation with the plugin over one connection of the gateway."""

    def __init__(self, link: Link, hub_username: str) -> None:
        self._link = link
        self._hub_username = hub_username
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._people: dict[str, Wanted] = {}
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Look at the rows now. Call from the loop."""
        self._wake.set()

    def take(self, payload: bytes) -> None:
        """Take a message of the response topic. Answers to somebody else's commands are none of ours."""
        for correlation, answer in read_answers(payload).items():
            waiting = self._waiting.pop(correlation, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def run(self) -> None:
        """Keep the broker in step until the connection ends, which raises MqttDown."""
        while True:
            self._wake.clear()
            try:
                await self.look_once()
            except MqttDown:
                raise
            except BrokerSilent as silent:
                log.warning("The broker's accounts could not be brought in step: %s", silent)
            except Exception:
                log.exception("The broker's accounts could not be compared; the gateway tries again.")
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def look_once(self) -> None:
        """Compare the broker's accounts with the rows, and tell it what is due."""
        [roles] = await self._ask([{"command": "listRoles"}])
        names = {
            name.removeprefix(ROLE_PREFIX)
            for name in roles.data.get("roles", [])
            if name.startswith(ROLE_PREFIX)
        }
        if not roles.error:
            await self._drop(await in_thread(compare_with, names))
        await in_thread(ask_for_changed_people, self._people)
        while claimed := await in_thread(claim_due, self._hub_username):
            await self._settle(claimed)

    async def _drop(self, usernames: list[str]) -> None:
        commands = []
        for username in usernames:
            commands.append({"command": "deleteClient", "username": username})
            commands.append({"command": "deleteRole", "rolename": role_of(username)})
        await self._ask(commands)

    async def _settle(self, claimed: list[Claimed]) -> None:
        try:
            told = await self._ask([q for item in claimed for q in questions(item.row.username)])
        except BrokerSilent as silent:
            for item in claimed:
                await in_thread(note_failed, item, str(silent))
            raise
        plans = []
        for number, item in enumerate(claimed):
            held = read_held(item.row.username, *told[2 * number : 2 * number + 2])
            plans.append((item, held, commands_for(item.wanted, held)))
        answers = iter(await self._ask([command for _item, _held, commands in plans for command in commands]))
        for item, held, commands in plans:
            await self._note(item, held, [(command, next(answers)) for command in commands])

    async def _note(self, item: Claimed, held: Held, done: list[tuple[dict, Answer]]) -> None:
        errors = [answer.error for command, answer in done if refused(command, answer)]
        if errors:
            await in_thread(note_failed, item, errors[0])
        elif needs_key(item.wanted, held):
            await in_thread(note_needs_key, item)
        else:
            await in_thread(note_done, item)

    async def _ask(self, commands: list[dict]) -> list[Answer]:
        """Send commands; return the answers in order. Raises MqttDown, or BrokerSilent without answers."""
        answers: list[Answer] = []
        for start in range(0, len(commands), COMMANDS_PER_MESSAGE):
            answers += await self._ask_together(commands[start : start + COMMANDS_PER_MESSAGE])
        return answers

    async def _ask_together(self, commands: list[dict]) -> list[Answer]:
        loop = asyncio.get_running_loop()
        waiting = {secrets.token_hex(8): loop.create_future() for _command in commands}
        self._waiting |= waiting
        marked = [{**c, "correlationData": key} for c, key in zip(commands, waiting, strict=True)]
        try:
            await self._link.publish(REQUEST, json.dumps({"commands": marked}).encode())
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                return await asyncio.gather(*waiting.values())
        except TimeoutError:
            sentence = _(
                "The broker does not answer. Check that its dynamic-security plugin is loaded and that the "
                "hub's account may use it."
            )
            raise BrokerSilent(sentence) from None
        finally:
            for key in waiting:
                self._waiting.pop(key, None)
