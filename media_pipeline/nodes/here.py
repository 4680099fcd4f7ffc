"""Which node this process works for, and which rows are its own.

A hub with one data folder has no nodes: nothing is asked, every row is its own, and rows name none. With PHOTOHUB_NODE_URL
the folder joins once in each process. The first to join is number FIRST, whose rows name no node either.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Max, Q
from django.db.models.functions import Now

from photohub.lib.database.db import tidy

from . import identity
from .models import FIRST, Node, NodeState

log = logging.getLogger(__name__)

BEAT_S = 3.0
# Longer than a beat that waits for a busy database.
SILENT_AFTER_S = 10.0
# One that is being emptied is first not ready, so that a proxy leaves it, and then takes no more uploads.
LEAVE_AFTER_S = 10.0
_TRIES = 20


class NodeRefused(Exception):
    """This folder may not be used; the sentence says why and what to do."""


class _Here:
    """What this process knows of its own node."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        self.who: identity.Identity | None = None
        self.number = 0
        self.state: str = NodeState.ACTIVE
        self.draining_since_s = math.inf
        self.refused = ""
        self.confirmed_until_s = -math.inf


_here = _Here()
forget = _here.forget
_find_earlier: Callable[[], bool] = bool


def on_first(find_earlier: Callable[[], bool]) -> None:
    """Let an upper room tell whether there are pictures from before there were nodes."""
    global _find_earlier
    _find_earlier = find_earlier


def is_one_of_several() -> bool:
    """Tell whether the hub may have other nodes than this one."""
    return bool(settings.NODE_URL)


def number() -> int:
    """Return this node's number; joins when this process has not. Raises NodeRefused."""
    if not settings.NODE_URL:
        return FIRST
    return _here.number or join()


def mark() -> int | None:
    """Return what a row says that is this node's: its number, or nothing where it is the first or the only one."""
    mine = number()
    return None if mine == FIRST else mine


def own(field: str = "node") -> Q:
    """Keep the rows of this node: all of them where there is no other. Raises NodeRefused when a copy took its place."""
    if not settings.NODE_URL:
        return Q()
    mine = mark()
    _confirm()
    return of(mine, field)


def of(mark: int | None, field: str = "node") -> Q:
    """Keep the rows of the node that this mark names."""
    return Q(**{f"{field}__isnull": True}) if mark is None else Q(**{field: mark})


def named(name: str, marked: int | None = None) -> str:
    """Return the name under which a node keeps a heartbeat of its own: this one, or that which the mark names."""
    mine = marked if marked is not None else mark()
    return name if mine is None else f"node.{mine}.{name}"


def worker_heartbeat(node: int) -> str:
    """Return the name under which a node's worker says that it takes the node's own tasks, the first one's too."""
    return f"node.{node}.worker"


def holds(marked: int | None) -> bool:
    """Tell whether a row with this mark is this node's."""
    return not settings.NODE_URL or marked == mark()


def check_alone() -> None:
    """Raise NodeRefused where there are several nodes and PHOTOHUB_NODE_URL is missing: others' rows would pass for lost."""
    names = list(Node.objects.exclude(state=NodeState.FORGOTTEN).values_list("name", flat=True)[:2])
    if not settings.NODE_URL and len(names) > 1:
        raise NodeRefused(
            f"This database belongs to a hub of several machines ({', '.join(names)} …), but PHOTOHUB_NODE_URL is empty. "
            "Set it to the address at which the others reach this machine."
        )


def join() -> int:
    """Say that this folder is in use, at this address. Raises NodeRefused when a copy of it is in use as well."""
    with _here.lock:
        if not _here.number:
            who = identity.read_or_make(settings.PHOTOHUB_DATA, settings.NODE_NAME)
            row = _row_of(who) or _enter(who)
            if row.place != who.place:
                _wait_for_silence(row, who)
            values = {"address": settings.NODE_URL, "place": who.place, "name": who.name}
            _say_where(row, values)
            _here.who, _here.number = who, row.number
            _note_state(row.state)
        return _here.number


def _say_where(row: Node, values: dict[str, str]) -> None:
    """Write down where the folder is now. Raises NodeRefused where it was given another's name."""
    try:
        with transaction.atomic():
            Node.objects.filter(pk=row.pk).update(**values)
    except IntegrityError as error:
        raise _name_taken(values["name"]) from error


def _name_taken(name: str) -> NodeRefused:
    return NodeRefused(
        f"Another machine of this hub is called {name}. Set PHOTOHUB_NODE_NAME to another name, and delete "
        f"{settings.PHOTOHUB_DATA / identity.FILE}, which no picture names yet; of a folder in use change the name in it."
    )


def _row_of(who: identity.Identity) -> Node | None:
    row = Node.objects.filter(uid=who.uid).first()
    if row is not None and row.state == NodeState.FORGOTTEN:
        raise NodeRefused(
            f"The data folder {settings.PHOTOHUB_DATA} is that of the machine {row.name}, which was declared lost. "
            "Move it away and start with an empty one."
        )
    return row


def _enter(who: identity.Identity) -> Node:
    """Make the row of a folder that nobody knew. Raises NodeRefused where its name is another's."""
    for _turn in range(_TRIES):
        if Node.objects.filter(name=who.name).exclude(state=NodeState.FORGOTTEN).exists():
            raise _name_taken(who.name)
        values = {"name": who.name, "address": settings.NODE_URL, "place": who.place}
        try:
            with transaction.atomic():
                return Node.objects.create(
                    number=_next_number(), uid=who.uid, joined_at=Now(), seen_at=Now(), **values
                )
        except IntegrityError:
            # Another one came at the same moment: another folder, or another process of this one.
            if row := _row_of(who):
                return row
    raise NodeRefused(
        "This machine could not join the hub: too many others do so at this moment. Start again."
    )


def _next_number() -> int:
    """Return the next number. Pictures from before there were nodes are the first one's, so it must have pictures."""
    last = Node.objects.aggregate(last=Max("number"))["last"] or 0
    is_first_free = not Node.objects.filter(pk=FIRST).exists()
    if is_first_free and (not _find_earlier() or any(settings.PICTURES_DIR.glob("*/*"))):
        return FIRST
    return max(last, FIRST) + 1


def _wait_for_silence(row: Node, who: identity.Identity) -> None:
    """Return when the other copy of this folder has been silent for long enough. Raises NodeRefused if it lives."""
    seen_at, until_s = row.seen_at, time.monotonic() + SILENT_AFTER_S + BEAT_S
    while True:
        now = _with_silence().get(pk=row.pk)
        if now.place == who.place:
            # Another process of this very folder was first.
            return
        if now.seen_at != seen_at:
            raise NodeRefused(
                f"The data folder {settings.PHOTOHUB_DATA} is a copy of that of the machine {row.name}, which is running "
                f"at {row.address}. Delete {identity.FILE} in the copy and start with an empty folder."
            )
        if now.silent_for.total_seconds() > SILENT_AFTER_S or time.monotonic() > until_s:
            return
        time.sleep(0.5)


def _with_silence():
    silent_for = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    return Node.objects.annotate(silent_for=silent_for)


def _confirm() -> None:
    """Raise NodeRefused where a copy of this folder took its place: what it stores is not here. Asks now and then."""
    if time.monotonic() < _here.confirmed_until_s:
        return
    who = _here.who
    assert who is not None
    state = Node.objects.filter(pk=_here.number, place=who.place).values_list("state", flat=True).first()
    if state is None:
        raise NodeRefused(f"A copy of this data folder is in use as well (machine {who.name}).")
    if state == NodeState.FORGOTTEN:
        raise NodeRefused(f"The machine {who.name} was declared lost.")
    _here.confirmed_until_s = time.monotonic() + BEAT_S


def beat(free_bytes: int = 0) -> None:
    """Say that this node serves, and learn what is wanted of it. What is wrong is said by `why_not`."""
    mine = number()
    who = _here.who
    assert who is not None
    rows = Node.objects.filter(pk=mine, place=who.place)
    if not rows.update(seen_at=Now(), address=settings.NODE_URL, free_bytes=free_bytes):
        _here.refused = f"a copy of this data folder is in use as well (machine {who.name})"
        return
    _here.refused = ""
    _note_state(Node.objects.values_list("state", flat=True).get(pk=mine))


def _note_state(state: str) -> None:
    if state == NodeState.FORGOTTEN:
        _here.refused = "this machine was declared lost"
    if state == NodeState.DRAINING:
        _here.draining_since_s = min(_here.draining_since_s, time.monotonic())
    else:
        _here.draining_since_s = math.inf
    _here.state = state


def is_ready() -> bool:
    """Tell whether this machine should be sent uploads. Asks nobody."""
    return not settings.NODE_URL or (not _here.refused and _here.state == NodeState.ACTIVE)


def why_refused() -> str:
    """Say why this folder may not be used; nothing where it may. Asks nobody."""
    return _here.refused if settings.NODE_URL else ""


def why_not() -> str:
    """Say why this process should take no pictures; nothing where it should. Costs nothing, and asks nobody."""
    if not settings.NODE_URL:
        return ""
    if _here.refused:
        return _here.refused
    if (
        _here.state == NodeState.ACTIVE
        or time.monotonic() < _here.draining_since_s + LEAVE_AFTER_S < math.inf
    ):
        return ""
    return "this machine is being emptied"


class Beats:
    """A thread that says again and again that this node serves."""

    def __init__(self, free_bytes: Callable[[], int]) -> None:
        self._free_bytes = free_bytes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="photohub-node", daemon=True)

    def __enter__(self) -> "Beats":
        if is_one_of_several():
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_S)

    def _run(self) -> None:
        failing = False
        while True:
            try:
                tidy(beat, self._free_bytes())
                failing = False
            except NodeRefused as refusal:
                _here.refused = str(refusal)
            except Exception as error:
                # The database may be away: then the others take this node for silent, which it is.
                if not failing:
                    log.warning("This machine could not say that it serves, and tries again: %s", error)
                failing = True
            if self._stopping.wait(BEAT_S):
                return


def silence() -> timedelta:
    """Return after how much silence a node counts as away."""
    return timedelta(seconds=SILENT_AFTER_S)
