"""Keeps the accounts of Mosquitto's dynamic-security plugin in step with the `BrokerAccount` rows.

What is said to the plugin and what it answers stands in `devices.protocol.mqtt.dynsec`.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.db.models import F
from django.utils import timezone

from devices.access.rights import Action, can
from devices.events import heartbeats, troubles
from devices.events import record as events
from devices.events.models import EventType, ServiceBeat
from devices.protocol.mqtt.dynsec import (
    REQUEST,
    ROLE_PREFIX,
    Answer,
    BrokerSilent,
    Held,
    Wanted,
    commands_for,
    fingerprint_of,
    needs_key,
    questions,
    read_answers,
    read_held,
    refused,
    role_of,
)
from devices.registry.models import BrokerAccount, BrokerAccountQuerySet, Device
from photohub.lib.clock import first_due, wait_at_most
from photohub.lib.database.db import in_thread, update_in_order
from photohub.lib.encryption import decrypt
from photohub.lib.pages.sentences import Said, in_english, said

from . import addressing, home_assistant
from .client import Link, MqttDown

log = logging.getLogger(__name__)

HEARTBEAT = "broker accounts"
LOOK_EVERY_S = 8.0
COMMANDS_PER_MESSAGE = 50
_ACCOUNTS_AT_ONCE = 25
# Of several gateways each tells its own devices' accounts; others' are due among them until those have done so.
_LOOKED_AT = 500
_LISTENED_WITHIN_S = 5.0
_NOT_LISTENED_AGAIN_S = 5
_ANSWER_WITHIN_S = 10.0
_CLAIM_S = 30
_ROWS_AT_ONCE = 500
_BACK_OFF_AT_MOST_S = 300


@dataclass(frozen=True)
class Claimed:
    """A row that this gateway works on until `until`; a later wish on the row changes that time, and wins."""

    row: BrokerAccount
    wanted: Wanted
    until: datetime


def _anybodys(_code: str) -> bool:
    return True


async def _listens(_devices: list[Device]) -> None:
    """Stand for a hub that listens to all devices by wildcards."""


def claim_due(hub_username: str, holds: Callable[[str], bool] = _anybodys) -> list[Claimed]:
    """Claim the accounts that the broker is to be told of. Two gateways never claim the same one.

    A device's account is told by the gateway that holds the device, since that one has to listen first.
    """
    now = timezone.now()
    rows = BrokerAccount.objects.to_tell()
    columns = ("pk", "device__code")
    found = first_due(rows, "next_try_at", _BACK_OFF_AT_MOST_S, now, _LOOKED_AT, columns=columns)
    due = [key for key, code in found if code is None or holds(code)][:_ACCOUNTS_AT_ONCE]
    rows = BrokerAccount.objects.filter(pk__in=due).select_related("device", "user").order_by("next_try_at")
    claimed = (_claim(row, hub_username) for row in rows)
    return [item for item in claimed if item is not None]


def _claim(row: BrokerAccount, hub_username: str) -> Claimed | None:
    until = timezone.now() + timedelta(seconds=_CLAIM_S)
    rows = BrokerAccount.objects.filter(pk=row.pk, next_try_at=row.next_try_at, state=row.state)
    if not rows.update(next_try_at=until, attempts=F("attempts") + 1):
        return None
    try:
        claimed = Claimed(row, wanted_of(row), until)
    except Exception:
        # Such as a secret of another secret key. The others of this look have their turn.
        log.exception("The broker account %s cannot be told to the broker; it is tried again.", row.username)
        return None
    if row.username == hub_username:
        note_failed(claimed, said("This name belongs to the hub itself. Choose another one."))
        return None
    return claimed


def wanted_of(row: BrokerAccount) -> Wanted:
    """Return the account that a row asks for, with its present topics."""
    secret = decrypt(row.secret_encrypted) if row.secret_encrypted else None
    if row.device is not None:
        publish, subscribe = addressing.rights_of(row.device)
        enabled = row.device.enabled
        return Wanted(row.username, tuple(publish), tuple(subscribe), secret, enabled, exists=row.wanted)
    if row.user is None and row.username == home_assistant.USERNAME:
        topics = home_assistant.PUBLISHES, home_assistant.READS
        return Wanted(row.username, *topics, secret, exists=row.wanted)
    if row.user is None or not can(row.user, Action.LOOK):
        return Wanted(row.username, exists=False)
    topics = tuple(addressing.rights_of_person(row.user))
    return Wanted(row.username, (), topics, secret, exists=row.wanted)


def note_done(claimed: Claimed) -> None:
    """The broker has it: the secret is not needed any more."""
    key_missing = not claimed.wanted.exists and _has_live_key(claimed.row)
    if key_missing:
        note_needs_key(claimed)
        return
    _finish(claimed, BrokerAccount.State.SYNCED)
    if claimed.row.device is not None:
        troubles.over(claimed.row.device, "account_failed", "account_needs_key")


def note_needs_key(claimed: Claimed) -> None:
    _finish(claimed, BrokerAccount.State.NEEDS_KEY)
    if claimed.row.device is not None:
        troubles.over(claimed.row.device, "account_failed")
        troubles.note(claimed.row.device, "account_needs_key")


def _has_live_key(row: BrokerAccount) -> bool:
    # The older of two keys is still good for uploads, but nobody can tell it to the broker.
    return row.device is not None and row.device.keys.filter(revoked_at=None).exists()


def _finish(claimed: Claimed, state: str) -> None:
    BrokerAccount.objects.filter(pk=claimed.row.pk, next_try_at=claimed.until).update(
        state=state,
        secret_encrypted=None,
        attempts=0,
        error="",
        changed_at=timezone.now(),
        role_fingerprint=fingerprint_of(claimed.wanted),
    )


def note_failed(claimed: Claimed, sentence: str | Said) -> None:
    """The broker refused: it is told again later and later."""
    wait_s = min(_BACK_OFF_AT_MOST_S, 5 * 2 ** min(claimed.row.attempts, 8))
    BrokerAccount.objects.filter(pk=claimed.row.pk, next_try_at=claimed.until).update(
        error=in_english(sentence)[:300], next_try_at=timezone.now() + timedelta(seconds=wait_s)
    )
    if claimed.row.device is not None:
        troubles.note(claimed.row.device, "account_failed", detail=sentence)


def put_back(claimed: Claimed) -> None:
    """Let the account be told a little later, by whoever holds the device then."""
    again_at = timezone.now() + timedelta(seconds=_NOT_LISTENED_AGAIN_S)
    BrokerAccount.objects.filter(pk=claimed.row.pk, next_try_at=claimed.until).update(next_try_at=again_at)


def note_answers(sentence: str | Said = "") -> None:
    """Note whether the broker answers the hub's questions about accounts, and tell people when that changes."""
    known = ServiceBeat.objects.filter(pk=HEARTBEAT).first()
    if heartbeats.note_if_news(HEARTBEAT, not sentence, sentence, known) and (sentence or known):
        told = sentence or said("The message broker answers about its accounts again.")
        events.record(EventType.NOTICE, told, problem=bool(sentence))


def compare_with(usernames: set[str]) -> list[str]:
    """Ask again for accounts that the broker lost; return those it has without a row (a deleted device's)."""
    rows = dict(BrokerAccount.objects.values_list("username", "state"))
    synced = BrokerAccount.objects.filter(wanted=True, state=BrokerAccount.State.SYNCED)
    lost = [name for name in synced.values_list("username", flat=True) if name not in usernames]
    for start in range(0, len(lost), 500):
        some = synced.filter(username__in=lost[start : start + 500])
        update_in_order(some, state=BrokerAccount.State.PENDING, next_try_at=timezone.now())
    return sorted(usernames - set(rows))


def ask_for_changed_roles() -> int:
    """Ask again for every account whose role is to hold other topics than the broker was told. Returns how many.

    That is so after an upgrade of the hub, for accounts of devices that nobody has changed since.
    """
    return _ask_for(changed_ones(BrokerAccount.objects.all()))


def ask_for_changed_people() -> int:
    """Ask again for people's accounts whose devices changed. Returns how many."""
    return _ask_for(changed_ones(BrokerAccount.objects.filter(device=None).exclude(user=None)))


def changed_ones(accounts: BrokerAccountQuerySet) -> list[UUID]:
    """Return those that are in step by their state, but were told other topics than they should have now."""
    rows = accounts.filter(wanted=True, state=BrokerAccount.State.SYNCED).select_related("device", "user")
    return [
        row.pk
        for row in rows.iterator(_ROWS_AT_ONCE)
        if row.role_fingerprint != fingerprint_of(wanted_of(row))
    ]


def _ask_for(ids: list[UUID]) -> int:
    asked = 0
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        rows = BrokerAccount.objects.filter(
            pk__in=ids[start : start + _ROWS_AT_ONCE], state=BrokerAccount.State.SYNCED
        )
        asked += update_in_order(rows, state=BrokerAccount.State.PENDING, next_try_at=timezone.now())
    return asked


# --- the conversation ---------------------------------------------------------------------------------------


class Accounts:
    """The conversation with the plugin over one connection of the gateway."""

    def __init__(
        self,
        link: Link,
        hub_username: str,
        holds: Callable[[str], bool] = _anybodys,
        listen: Callable[[list[Device]], Awaitable[None]] = _listens,
    ) -> None:
        """`holds`: which devices are this gateway's; `listen`: returns when it listens to these."""
        self._holds, self._listen = holds, listen
        self._link = link
        self._hub_username = hub_username
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._roles_compared = False
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
                await in_thread(note_answers)
            except MqttDown:
                raise
            except BrokerSilent as silent:
                log.warning("The broker's accounts could not be brought in step: %s", silent)
                with contextlib.suppress(DatabaseError, InterfaceError):
                    await in_thread(note_answers, silent.args[0])
            except Exception:
                log.exception("The broker's accounts could not be compared; the gateway tries again.")
            await wait_at_most(self._wake, LOOK_EVERY_S)

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
        await self._ask_for_changed()
        while claimed := await in_thread(claim_due, self._hub_username, self._holds):
            if await self._is_heard(claimed):
                await self._settle(claimed)

    async def _is_heard(self, claimed: list[Claimed]) -> bool:
        """Return when the hub listens to these devices: what they say before, the broker forgets. False: it does not yet."""
        devices = [item.row.device for item in claimed if item.wanted.exists and item.row.device is not None]
        try:
            async with asyncio.timeout(_LISTENED_WITHIN_S):
                await self._listen(devices)
            return True
        except TimeoutError:
            log.warning("New devices are not listened to yet, so the broker is told of them later.")
            for item in claimed:
                await in_thread(put_back, item)
            return False

    async def _ask_for_changed(self) -> None:
        """Compare all roles once per connection; later changes of a device ask for its account themselves."""
        if self._roles_compared:
            await in_thread(ask_for_changed_people)
            return
        if asked := await in_thread(ask_for_changed_roles):
            log.info(
                "%d broker accounts are to hold other topics than before; their roles are changed.", asked
            )
        self._roles_compared = True

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
                await in_thread(note_failed, item, silent.args[0])
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
            sentence = said(
                "The broker does not answer. Check that its dynamic-security plugin is loaded and that the "
                "hub's account may use it."
            )
            raise BrokerSilent(sentence) from None
        finally:
            for key in waiting:
                self._waiting.pop(key, None)
