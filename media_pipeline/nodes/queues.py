"""Which tasks need a node's own disk, and how they come to it: a queue for each node, beside the one that all share.

A task that lands on another node is sent on by whoever gets it; that one only says "look now", and the node's own sweep finds
what was lost on the way.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import QuerySet

from photohub.lib.messaging import enqueue

from . import here, known
from .models import FIRST, NodeState

_OF_FILES = frozenset(
    f"media_pipeline.tasks.{name}"
    for name in (
        "mirror_captures",
        "make_thumbnails",
        "remove_files",
        "make_time_lapses",
        "sweep_files",
        "tidy_files",
        "retain_files",
    )
)


def queue_of(mark: int | None) -> str:
    """Return the queue of the node that this mark names; nothing where there is one queue for all."""
    return f"node.{mark or FIRST}" if here.is_one_of_several() else ""


def own_queue() -> str:
    """Return this node's queue. Raises NodeRefused."""
    return queue_of(here.mark()) if here.is_one_of_several() else ""


def route(task: str) -> str:
    """Return where a task goes of which nobody said more: to this node, if it is about files."""
    return own_queue() if task in _OF_FILES else ""


# Only its web server may be silent, while its worker works. Of one that is away for long the queue stays short.
_ASKED_FOR_S = 600.0


def send_to_each(task: str) -> None:
    """Have every node do this task, but for those that have been silent for long."""
    for node in known.every():
        if node.silent_s < _ASKED_FOR_S:
            enqueue.send_task(task, [node.number], queue=queue_of(node.mark))


def send_home(task: str, rows: Iterable[tuple[object, int | None]]) -> None:
    """Enqueue a task for keys whose rows say on which node their files are."""
    keys: defaultdict[int | None, list[object]] = defaultdict(list)
    for key, mark in rows:
        keys[mark].append(key)
    for mark, group in keys.items():
        node = known.find(mark) if here.is_one_of_several() else None
        if node is None or node.state != NodeState.FORGOTTEN:
            enqueue.send_task(task, group, queue=queue_of(mark))


def keep_own(task: str, rows: QuerySet, keys: list) -> list:
    """Return those of these keys whose files are here, and send the others on to where theirs are."""
    if not here.is_one_of_several():
        return keys
    marks = dict(rows.filter(pk__in=keys).values_list("pk", "node"))
    send_home(task, [(key, mark) for key, mark in marks.items() if not here.holds(mark)])
    return [key for key, mark in marks.items() if here.holds(mark)]


def keep_if_own(task: str, numbers: list) -> bool:
    """Tell whether a task for whole nodes is for this one, and send it on where it is for another."""
    mine = here.number()
    others = [int(number) for number in numbers if int(number) != mine]
    send_home(task, [(number, None if number == FIRST else number) for number in others])
    return len(others) < len(numbers)
