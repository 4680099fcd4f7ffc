"""A machine leaves the hub: emptied in order (`manage.py drain`), or lost and declared so (`manage.py forget_node`)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from devices.events import record as events
from devices.events.models import EventType
from devices.firmware import images
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance.deleting import FORMER_MIRROR
from media_pipeline.maintenance.models import Removal
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.mirror.uncopied import LOST
from media_pipeline.nodes import here, known
from media_pipeline.nodes.known import Known
from media_pipeline.nodes.models import Node, NodeState
from media_pipeline.shared_files import keeping
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from photohub.lib.database.db import lock_in_order, one_writer
from photohub.lib.pages.sentences import Cannot, columns, said

_TOGETHER = 500


class CannotLeave(Cannot):
    """The machine stays; the sentence says why."""


@dataclass(frozen=True)
class Left:
    """What keeps a machine from being empty: copies that wait, those that were given up, and what is still to be removed."""

    waiting: int
    failed: int
    removals: int

    def __bool__(self) -> bool:
        return bool(self.waiting or self.failed or self.removals)


# --- in order ---


def begin_draining() -> None:
    """Have this machine take no more pictures, and copy what came before there was an object store."""
    mine = here.number()
    if not Node.objects.filter(pk=mine).exclude(state=NodeState.FORGOTTEN).update(state=NodeState.DRAINING):
        raise CannotLeave("forgotten", said("This machine was declared lost."))
    images.share_old()
    never = OSSObject.objects.never_copied().filter(here.own())
    while keys := list(never.values_list("pk", flat=True)[:_TOGETHER]):
        with one_writer(), transaction.atomic():
            lock_in_order(OSSObject.objects.filter(pk__in=keys))
            never.filter(pk__in=keys).update(state=MirrorState.PENDING, next_try_at=timezone.now())


def stop_draining() -> None:
    """Have this machine take pictures again."""
    drained = Node.objects.filter(pk=here.number(), state__in=(NodeState.DRAINING, NodeState.EMPTY))
    drained.update(state=NodeState.ACTIVE)


def what_is_left() -> Left:
    """Count what only this machine has or has still to do."""
    return Left(
        OSSObject.objects.waiting().filter(here.own()).count() + keeping.waiting(here.mark()).count(),
        OSSObject.objects.failed().filter(here.own()).count(),
        Removal.objects.filter(here.own()).exclude(error=FORMER_MIRROR.text).count(),
    )


def note_empty() -> bool:
    """Note that nothing is left; False when somebody stopped the draining meanwhile."""
    draining = Node.objects.filter(pk=here.number(), state=NodeState.DRAINING)
    return bool(draining.update(state=NodeState.EMPTY))


def failed_here() -> QuerySet[OSSObject]:
    """Return the copies that were given up, oldest picture first."""
    rows = OSSObject.objects.failed().filter(here.own())
    return rows.select_related("capture__device").order_by("capture__received_at")


# --- lost ---


def find_lost(name: str) -> Known:
    """Return the machine of this name, which must be silent and not this one. Raises CannotLeave."""
    named = Node.objects.filter(name=name).order_by("-number")
    row = named.exclude(state=NodeState.FORGOTTEN).first() or named.first()
    known.forget()
    node = known.find_number(row.number) if row else None
    if node is None:
        raise CannotLeave("unknown", said("No machine of this hub is called %(name)s.", name=name))
    if node.number == here.number():
        raise CannotLeave(
            "own", said("This is the machine %(name)s itself. Run this on another one.", name=name)
        )
    if not node.is_silent:
        sentence = said("The machine %(name)s is running. Run manage.py drain on it instead.", name=name)
        raise CannotLeave("running", sentence)
    return node


def forget_node(node: Known, user=None, say: Callable[[int], None] = lambda done: None) -> int:
    """Declare a machine lost: this one takes over its rows, and what it alone had says so. Returns how many are lost.

    What is copied is read from the object store from now on. Called again, it goes on where it was broken off.
    """
    if not Node.objects.filter(pk=node.number, seen_at=node.seen_at).update(state=NodeState.FORGOTTEN):
        raise CannotLeave("running", said("The machine %(name)s is running again.", name=node.name))
    known.forget()
    lost = done = 0
    for keys in _batches_of(node):
        lost += _take_over(keys, node)
        done += len(keys)
        say(done)
    Removal.objects.filter(here.of(node.mark)).update(node=here.mark())
    _end_films(node)
    # Others may still have some, and offer those again when they tidy up.
    keeping.waiting(node.mark).delete()
    sentence = said(
        "The machine %(name)s was declared lost. Pictures that only it had: %(count)s.",
        name=node.name,
        count=lost,
    )
    events.record(EventType.NOTICE, sentence, actor=user, problem=bool(lost))
    return lost


def _batches_of(node: Known) -> Iterator[list[UUID]]:
    """Yield the keys of this machine's pictures: one walk along the keys, since only this ever looks for them."""
    rows = Capture.everything.filter(here.of(node.mark)).order_by("pk").values_list("pk", flat=True)
    last: UUID | None = None
    while keys := list(islice((rows.filter(pk__gt=last) if last else rows)[:_TOGETHER], _TOGETHER)):
        yield keys
        last = keys[-1]


def _take_over(keys: list[UUID], node: Known) -> int:
    """Make these pictures this machine's, in one commit. Returns how many of them are lost."""
    mine, now = here.mark(), timezone.now()
    sentence = said("The file was only on the machine %(name)s, which was declared lost.", name=node.name)
    with one_writer(), transaction.atomic():
        lock_in_order(Capture.everything.filter(pk__in=keys))
        lock_in_order(OSSObject.objects.filter(pk__in=keys))
        Capture.everything.filter(pk__in=keys).update(node=mine)
        copies = OSSObject.objects.filter(pk__in=keys)
        copies.filter(state=MirrorState.MIRRORED, local_freed_at=None).update(local_freed_at=now)
        ended = {"state": MirrorState.FAILED, "error_word": LOST, "lease": None, "lease_until": None}
        lost = copies.exclude(state=MirrorState.MIRRORED).update(**ended, **columns("error", sentence))
        copies.update(node=mine)
    return lost


def _end_films(node: Known) -> None:
    """Say of its films that they are gone; their pictures are not touched."""
    sentence = said(
        "The film was on the machine %(name)s, which was declared lost. Make it again.", name=node.name
    )
    values = time_lapses.end_values(LapseState.FAILED, reason=LOST, **columns("error", sentence))
    ended = (LapseState.FAILED, LapseState.CANCELLED)
    TimeLapse.objects.filter(here.of(node.mark)).exclude(state__in=ended).update(**values, node=here.mark())
