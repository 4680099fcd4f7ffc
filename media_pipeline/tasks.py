"""Tasks: thin interfaces that take ids and call one function. Each may run twice; the sweeper finds the rest."""

import threading
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

from devices.events import clock_watch, heartbeats
from devices.firmware import images
from devices.panels import in_use
from devices.panels.sources import outbox
from photohub.lib.clock import Pace
from photohub.lib.messaging import enqueue
from photohub.lib.messaging.steps import each_in_turn
from photohub.lib.messaging.tasks import looking, task

from .alerts import delivering
from .alerts import queue as alert_queue
from .alerts.kinds import looking as alerts
from .captures import thumbnails
from .captures.models import Capture
from .links import publish
from .maintenance import counting, deleting, figures, judging, orphans, retention
from .maintenance.models import ChangedHour, Removal
from .mirror import copying, waking
from .mirror.models import OSSObject
from .nodes import here, queues
from .picture_files import store
from .search import index
from .search.models import ChangedText
from .shared_files import keeping
from .show_rules import runs
from .storage import disk
from .time_lapses import making
from .time_lapses import queue as time_lapses
from .time_lapses.models import TimeLapse
from .trash import emptying
from .trash.models import EmptyingOrder

MIRROR = "media_pipeline.tasks.mirror_captures"
PREVIEWS = "media_pipeline.tasks.make_thumbnails"
REMOVE = "media_pipeline.tasks.remove_files"
SWEEP_FILES = "media_pipeline.tasks.sweep_files"
TIDY_FILES = "media_pipeline.tasks.tidy_files"
RETAIN_FILES = "media_pipeline.tasks.retain_files"
# A mirror that hangs holds its tasks for most of a minute. One thread fewer than the embedded worker has may wait for it.
_WAIT_FOR_MIRROR = 2
_TRY_AGAIN_S = 1.0
_for_mirror = threading.BoundedSemaphore(_WAIT_FOR_MIRROR)
_for_alerts = threading.BoundedSemaphore(1)
_pace, _pace_of_files = Pace(), Pace()


class _Seldom:
    """Tells one of all threads that it is time, at most every so many seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s, self._next_s, self._lock = every_s, 0.0, threading.Lock()

    def is_due(self) -> bool:
        with self._lock:
            if time.monotonic() < self._next_s:
                return False
            self._next_s = time.monotonic() + self._every_s
            return True


# Between two sweeps, so that a million deleted copies are not waited for by the hour.
_more_removals = _Seldom(1.0)


def _with_mirror(task: str, work: Callable[[list[str]], int], ids: list[str]) -> int:
    """Do work that waits for the mirror, or enqueue it again while as many threads as may do so already."""
    if not _for_mirror.acquire(blocking=False):
        enqueue.send_task(task, ids, after_s=_TRY_AGAIN_S)
        return 0
    try:
        return work(ids)
    finally:
        _for_mirror.release()


@task
def mirror_captures(capture_ids: list[str]) -> int:
    """Copy these pictures to object storage, and enqueue all that waited for a mirror that answers again."""
    own = queues.keep_own(MIRROR, OSSObject.objects.all(), capture_ids)
    was_failing = copying.is_failing()
    done = _with_mirror(MIRROR, copying.mirror_all, own)
    if was_failing and done:
        _enqueue(MIRROR, copying)
    return done


@task
def make_thumbnails(capture_ids: list[str]) -> int:
    """Make the thumbnails of these pictures."""
    return thumbnails.make_all(queues.keep_own(PREVIEWS, Capture.everything.all(), capture_ids))


@task
def remove_files(removal_ids: list[str]) -> int:
    """Remove what deleted pictures left on the disk and in the mirror, and look for more of it now and then."""
    own = queues.keep_own(REMOVE, Removal.objects.all(), removal_ids)
    done = _with_mirror(REMOVE, deleting.remove_all, own)
    if done and _more_removals.is_due():
        _enqueue(REMOVE, deleting)
    return done


@task
def empty_trash(order_ids: list[int]) -> int:
    """Delete for a while what an owner wants gone from the trash."""
    return emptying.empty(order_ids)


@task
def make_time_lapses(ids: list[str]) -> None:
    """Work a stretch on each of these films, and enqueue those that go on."""
    if again := making.make_all(queues.keep_own(time_lapses.TASK, TimeLapse.objects.all(), ids)):
        enqueue.send_task(time_lapses.TASK, again)


@task
def run_show_rules(camera_ids: list[str]) -> int:
    """Show the new pictures of these cameras on the panels that their rules name."""
    return runs.run_rules(camera_ids)


@task
def send_alerts(message_ids: list[str]) -> int:
    """Send the messages of alerts that are due. A service that hangs holds one of the worker's threads and no more."""
    if not _for_alerts.acquire(blocking=False):
        enqueue.send_task(alert_queue.SEND_TASK, message_ids, after_s=_TRY_AGAIN_S)
        return 0
    try:
        return delivering.send_all()
    finally:
        _for_alerts.release()


@looking(alerts.waits)
def look_for_alerts() -> None:
    """Look for what people want to be told of."""
    alerts.look()


def _something_waits() -> bool:
    """Tell whether time alone may make something due: what is tried again, and what was dropped on the way."""
    rows = (
        OSSObject.objects.waiting(),
        Capture.everything.without_thumbnail(),
        Removal.objects.all(),
        TimeLapse.objects.unfinished(),
        EmptyingOrder.objects.all(),
        ChangedHour.objects.all(),
        ChangedText.objects.all(),
    )
    return any(each.exists() for each in rows) or not judging.is_done() or index.waits()


@looking(_something_waits)
def sweep() -> None:
    """Enqueue everything that is due and was missed, or was dropped on the way."""
    each_in_turn(*(partial(_enqueue, task, module) for task, module in _FOR_ANYBODY.items()))
    # By this task and not by one of its own: what is counted is at hand here, and a look has an end.
    each_in_turn(counting.keep_counts, index.keep_texts, figures.keep, waking.adopt_some)
    _on_each_machine(SWEEP_FILES, _sweep_files)


@task
def sweep_files(nodes: list) -> None:
    """Do the part of the sweep that is about files on this machine's disk, and say that its worker does so."""
    if queues.keep_if_own(SWEEP_FILES, nodes):
        heartbeats.note(here.worker_heartbeat(here.number()), True)
        _sweep_files()


def _sweep_files() -> None:
    each_in_turn(*(partial(_enqueue, task, module) for task, module in _FOR_THE_OWNER.items()))
    each_in_turn(judging.catch_up, keeping.store_waiting, disk.note)


# Tasks that any machine may do, and those of whoever has the files.
_FOR_ANYBODY = {runs.RUN_TASK: runs, emptying.TASK: emptying}
_FOR_THE_OWNER = {MIRROR: copying, PREVIEWS: thumbnails, REMOVE: deleting, time_lapses.TASK: making}


def _enqueue(task: str, module: ModuleType) -> None:
    if ids := module.due():
        enqueue.send_task(task, ids)


def _on_each_machine(task: str, work: Callable[[], None]) -> None:
    """Do this here, where there is one machine; else ask each of them."""
    if here.is_one_of_several():
        queues.send_to_each(task)
    else:
        work()


@task
def tidy_up() -> None:
    """Delete what nobody finished, and stop waiting for what is hours late."""
    steps = [runs.prune]
    if _pace.is_steady():
        # By a clock that has just jumped, what arrived a moment ago looks hours old.
        steps.append(publish.give_up_old)
    if clock_watch.look() is None:
        steps += [partial(keeping.drop_unused, _IN_USE), alert_queue.prune]
    each_in_turn(*steps, partial(_on_each_machine, TIDY_FILES, _tidy_files))


@task
def tidy_files(nodes: list) -> None:
    """Delete temporary files on this machine's disk, and set aside what belongs to nobody."""
    if queues.keep_if_own(TIDY_FILES, nodes):
        _tidy_files()


def _tidy_files() -> None:
    steps = [time_lapses.drop_left_over]
    if _pace_of_files.is_steady():
        steps += [store.drop_stale_incoming, images.drop_stale_uploads, orphans.set_orphans_aside]
    if clock_watch.look() is None:
        steps += [orphans.drop_long_lost, _drop_unused, images.share_old]
    # A folder that cannot be read keeps nobody from tidying up the others.
    each_in_turn(*steps)


def _drop_unused() -> None:
    outbox.drop_unused(in_use.hashes_in_use)


# Who tells which shared files are still needed.
_IN_USE: keeping.InUse = {"firmware": images.hashes_in_use, "panel": in_use.hashes_in_use}


@task
def retain() -> None:
    """Delete and free what the retention settings no longer keep."""
    _on_each_machine(RETAIN_FILES, _retain_files)
    if clock_watch.look() is None:
        time_lapses.drop_expired()


@task
def retain_files(nodes: list) -> None:
    """Do so with the pictures on this machine's disk."""
    if queues.keep_if_own(RETAIN_FILES, nodes):
        _retain_files()


def _retain_files() -> None:
    retention.retain()
