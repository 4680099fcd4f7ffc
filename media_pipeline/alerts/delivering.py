"""Sending what waits: messages are claimed, written in the language of their channel, sent side by side, and noted."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from devices.audit.models import Word
from photohub.lib import failpoints
from photohub.lib.database.outage import is_away
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import Said, columns, said

from . import queue
from .channels import rules as channels
from .channels import sending
from .channels.letter import Letter, NotSent
from .channels.models import AlertChannel, ChannelKind
from .letters import letter_of, letter_of_many, letter_of_test, may_be_told
from .models import AlertMessage, MessageState, Phase

log = logging.getLogger(__name__)

# So many letters of one channel are sent in one go, and so many channels side by side.
_LETTERS_AT_ONCE = 4
_SIDE_BY_SIDE = 4
# More than these of one channel and phase become one letter, so that a switch that fails does not ring fifty times.
_APART_AT_MOST = 5
_ROUNDS = 20
# No letter is begun later than so long after its claim: who is slow keeps the others' messages no longer than the claim holds.
_BEGUN_WITHIN_S = 100.0
_FAULT = said("An error in the hub kept it from being sent. Its log says more.")
_NO_RIGHT = said("Whoever made the rule may not see this any more.")
_CHANNEL_OFF = said("The channel was turned off.")


@dataclass
class _Post:
    """One letter and the messages that it tells."""

    messages: list[AlertMessage]
    letter: Letter


@dataclass
class _Bag:
    """The letters of one channel, and what came of them: the answers of those that were taken, and why the next was not.

    Without a reason, the letters behind the last answer were not tried.
    """

    way: sending.Way
    posts: list[_Post]
    answers: list[str]
    why: Said | None = None
    permanent: bool = False

    def carry(self, until_s: float) -> None:
        """Send them in their order, up to the first that is not taken, or until it is late. Asks no database."""
        for post in self.posts:
            if time.monotonic() >= until_s:
                return
            try:
                self.answers.append(self.way.send(post.letter))
            except NotSent as error:
                self.why, self.permanent = error.said, error.permanent
                return
            except Exception:
                log.exception("A message of the alerts could not be sent.")
                self.why = _FAULT
                return


def send_all() -> int:
    """Send everything that is due. Returns how many messages were taken."""
    sent = 0
    for _round in range(_ROUNDS):
        until_s = time.monotonic() + _BEGUN_WITHIN_S
        claimed = queue.claim()
        if not claimed:
            break
        failpoints.hit("alert.claimed")
        sent += _send(claimed, until_s)
    return sent


def _send(claimed: list[AlertMessage], until_s: float) -> int:
    by_channel: dict[AlertChannel, list[AlertMessage]] = {}
    for message in claimed:
        if _is_to_go(message):
            by_channel.setdefault(message.channel, []).append(message)
    bags = [bag for channel, rows in by_channel.items() if (bag := _pack(channel, rows)) is not None]
    if not bags:
        return 0
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="photohub-alerts") as pool:
        list(pool.map(lambda bag: bag.carry(until_s), bags))
    failpoints.hit("alert.sent")
    return sum(_note(bag) for bag in bags)


def _is_to_go(message: AlertMessage) -> bool:
    """Tell whether a claimed message is sent now; else it is skipped, or waits for the one before it."""
    if not message.channel.enabled:
        queue.skip(message, _CHANNEL_OFF)
        return False
    if not may_be_told(message.alert):
        queue.skip(message, _NO_RIGHT)
        return False
    if message.phase == Phase.BEGAN:
        return True
    began = AlertMessage.objects.filter(alert=message.alert_id, channel=message.channel_id, phase=Phase.BEGAN)
    before = began.first()
    if before is not None and before.state == MessageState.WAITING:
        # Nobody is told that it is over before he heard that it began.
        queue.put_back([message], before.next_try_at + timedelta(seconds=1))
        return False
    return True


def _pack(channel: AlertChannel, rows: list[AlertMessage]) -> _Bag | None:
    """Write the letters of a channel; what is more than one go takes is given back."""
    try:
        way = sending.way_of(channel)
    except NotSent as error:
        queue.note_failed(rows, error.said, error.permanent)
        return None
    posts: list[_Post] = []
    for group in _together(channel, rows):
        if len(posts) == _LETTERS_AT_ONCE:
            queue.put_back(group)
            continue
        try:
            letter = letter_of(group[0]) if len(group) == 1 else letter_of_many(group)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("A message of the alerts could not be written.")
            queue.note_failed(group, _FAULT)
            continue
        posts.append(_Post(group, letter))
    return _Bag(way, posts, []) if posts else None


def _together(channel: AlertChannel, rows: list[AlertMessage]) -> list[list[AlertMessage]]:
    """Return the messages in groups of which each is one letter. Programs get each one for itself."""
    if channel.kind == ChannelKind.WEBHOOK:
        return [[row] for row in rows]
    groups: list[list[AlertMessage]] = []
    for phase in Phase:
        of_phase = [row for row in rows if row.phase == phase]
        groups += [of_phase] if len(of_phase) > _APART_AT_MOST else [[row] for row in of_phase]
    return groups


def _note(bag: _Bag) -> int:
    sent = 0
    for post, answer in zip(bag.posts, bag.answers, strict=False):
        queue.note_sent(post.messages, answer)
        sent += len(post.messages)
    left = [message for post in bag.posts[len(bag.answers) :] for message in post.messages]
    if bag.why is not None and left:
        queue.note_failed(left, bag.why, bag.permanent)
    elif left:
        queue.put_back(left)
    return sent


def send_test(channel: AlertChannel) -> Said | None:
    """Send a test now. Returns why it was not taken; None when it was. The channel's row has the answer."""
    with transaction.atomic():
        channels.note(Word.SENT, channel)
    try:
        answer = sending.way_of(channel).send(letter_of_test(channel, str(new_id())))
    except NotSent as error:
        AlertChannel.objects.filter(pk=channel.pk).update(
            failed_at=timezone.now(), **columns("error", error.said)
        )
        return error.said
    queue.note_answer(channel, answer)
    return None
