"""Making time-lapses, a stretch at a time: one picture in memory, one segment on the disk after the other.

A stretch takes no longer than STRETCH_S, so that thumbnails and copies get their turn in between, and a worker that dies
loses at most one segment. Each row is claimed by a lease, which every note of progress extends; a note that finds the
lease gone means that somebody stopped the film, or that another worker has it.
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.captures.reading import PictureAway, PictureMissing, read_picture
from media_pipeline.formats.likeness import are_alike
from media_pipeline.nodes import here
from media_pipeline.picture_files import store, syncing
from photohub.lib import clock, failpoints
from photohub.lib.ids import new_id
from photohub.lib.messaging import load
from photohub.lib.pages.sentences import Cannot, Said, columns, said
from photohub.lib.pages.times import wording as times

from . import frames, video
from . import queue as time_lapses
from .frames import FrameDamaged
from .models import LapseState, TimeLapse

log = logging.getLogger(__name__)

STRETCH_S = 20.0
SEGMENT_FRAMES = 250
ATTEMPTS_AT_MOST = 5
_LEASE_S = 90
_JOIN_LEASE_S = 300
_NOTE_EVERY_S = 1.0
_READ_AT_ONCE = 100
_PAUSE_S = 10
_LONGEST_PAUSE_S = 600  # More than any film is tried.
_SAMPLES = 20


class Stopped(Exception):
    """The film is no longer ours to make: cancelled, deleted, or taken over."""


class CannotMake(Cannot):
    """The film cannot be made."""


def due(limit: int = 20) -> list[UUID]:
    """Return the films to work on now, oldest first."""
    now = timezone.now()
    rows = TimeLapse.objects.unfinished().filter(here.own(), _is_due(now), _is_free(now))
    return list(rows.order_by("next_try_at", "created_at").values_list("pk", flat=True)[:limit])


def _is_due(now: datetime) -> Q:
    return clock.is_due("next_try_at", _LONGEST_PAUSE_S, now)


def _is_free(now: datetime) -> Q:
    return Q(lease=None) | Q(lease_until=None) | ~clock.is_held("lease_until", _JOIN_LEASE_S, now)


def make_all(ids: Iterable[str | UUID]) -> list[UUID]:
    """Work a stretch on each of these films; returns those that are to be worked on at once again."""
    again = []
    for id in ids:
        time_lapse = _claim(UUID(str(id)))
        if time_lapse is not None and _work(time_lapse):
            again.append(time_lapse.pk)
    return again


def _claim(id: UUID) -> TimeLapse | None:
    """Claim one film. One at a time on each machine: pictures that arrive need the processor more."""
    now = timezone.now()
    mine = TimeLapse.objects.unfinished().filter(here.own())
    busy = mine.exclude(_is_free(now)).exists()
    if busy or load.is_high():
        return None
    lease = new_id()
    rows = mine.filter(_is_due(now), pk=id)
    # Counted before the work: a film that kills its worker each time is given up in the end.
    if not rows.filter(_is_free(now)).update(
        state=LapseState.WORKING,
        lease=lease,
        lease_until=now + timedelta(seconds=_LEASE_S),
        attempts=F("attempts") + 1,
    ):
        return None
    return TimeLapse.objects.select_related("device").get(pk=id)


def _work(time_lapse: TimeLapse) -> bool:
    """Work one stretch and give the row back; tells whether the film goes on at once."""
    try:
        failpoints.hit("timelapse.claimed")
        _check(time_lapse)
        if not time_lapse.passed:
            time_lapses.tell(time_lapse)
        if _make_stretch(time_lapse):
            _finish(time_lapse)
            return False
    except Stopped:
        if not TimeLapse.objects.unfinished().filter(pk=time_lapse.pk).exists():
            time_lapses.remove_files(time_lapse.pk)
        return False
    except CannotMake as error:
        _fail(time_lapse, error.word, error.said)
        return False
    except video.EncoderMissing as error:
        log.error("There is no video encoder: %s", error)
        _fail(time_lapse, "no_encoder", said("This hub has no video encoder. Install ffmpeg and try again."))
        return False
    except (video.VideoFailed, PictureAway, OSError) as error:
        _try_again(time_lapse, error)
        return False
    return _update(time_lapse, lease=None, lease_until=None, next_try_at=timezone.now())


def _check(time_lapse: TimeLapse) -> None:
    if time_lapse.attempts > ATTEMPTS_AT_MOST:
        sentence = said(
            "It was started %(times)s times without getting anywhere. %(why)s",
            times=ATTEMPTS_AT_MOST,
            why=time_lapse.error_said or time_lapse.error,
        )
        raise CannotMake("gave_up", sentence)
    if store.free_bytes() < settings.DISK_FLOOR_BYTES:
        raise CannotMake("disk_full", said("The hub's disk is nearly full. Free some space and try again."))


def _update(time_lapse: TimeLapse, **values) -> bool:
    """Set columns of the row while it is ours."""
    return bool(
        TimeLapse.objects.unfinished().filter(pk=time_lapse.pk, lease=time_lapse.lease).update(**values)
    )


# --- a stretch ---------------------------------------------------------------------------------------------


class _Progress:
    """How far the film is, from second to second. Only what stands in whole segments lasts: `passed` and `skipped`."""

    def __init__(self, time_lapse: TimeLapse) -> None:
        self._time_lapse = time_lapse
        self._began_s = self._noted_s = time.monotonic()
        self.skipped, self.passed = time_lapse.frames_skipped, time_lapse.passed
        self.like, self._shown = time_lapse.frames_like, time_lapse.like_to

    @property
    def done(self) -> int:
        return -(-self.passed // self._time_lapse.step)

    def wants(self, capture: Capture) -> bool:
        """Tell whether the film shows the picture that comes next, and count it when it looks like the one before."""
        if self.passed % self._time_lapse.step:
            return False
        is_like = self._time_lapse.skip_like and are_alike(self._shown, capture.dhash)
        self.like += is_like
        return not is_like

    def pass_by(self, shown: Capture | None) -> None:
        """Count a picture, which is `shown` or not."""
        self.passed += 1
        if shown is not None:
            self._shown = shown.dhash

    def note(self) -> None:
        """Tell pages how far it is. Raises Stopped when the film is no longer ours."""
        if time.monotonic() - self._noted_s < _NOTE_EVERY_S:
            return
        self._noted_s = time.monotonic()
        until = timezone.now() + timedelta(seconds=_LEASE_S)
        if not _update(self._time_lapse, frames_done=self.done, lease_until=until):
            raise Stopped

    def keep(self, last: Capture, segments: int) -> None:
        """Note that everything up to this picture stands in whole segments. Raises Stopped."""
        now_s = time.monotonic()
        values = {
            "frames_done": self.done,
            "frames_skipped": self.skipped,
            "frames_like": self.like,
            "like_to": self._shown,
            "passed": self.passed,
            "segments": segments,
            "attempts": 0,
            "worked_s": self._time_lapse.worked_s + now_s - self._began_s,
            "after_at": last.received_at,
            "after_id": last.pk,
        }
        self._began_s = now_s
        if not _update(self._time_lapse, **values):
            raise Stopped
        for name, value in values.items():
            setattr(self._time_lapse, name, value)


def _make_stretch(time_lapse: TimeLapse) -> bool:
    """Add segments until the time is over; tells whether all pictures are in."""
    until_s = time.monotonic() + STRETCH_S
    time_lapses.segment_folder(time_lapse.pk).mkdir(parents=True, exist_ok=True)
    size = _size_of(time_lapse)
    progress = _Progress(time_lapse)
    pictures = _rest_of(time_lapse)
    while _make_segment(time_lapse, size, pictures, progress, until_s):
        if time.monotonic() >= until_s:
            return False
    return True


def _make_segment(
    time_lapse: TimeLapse,
    size: tuple[int, int],
    pictures: Iterator[Capture],
    progress: _Progress,
    until_s: float,
) -> bool:
    """Make the next segment; tells whether there may be more."""
    last, count, full = None, 0, False
    with ExitStack() as stack:
        segment: video.Segment | None = None
        for capture in pictures:
            last = capture
            frame = _draw(time_lapse, capture, size, progress) if progress.wants(capture) else None
            progress.pass_by(capture if frame is not None else None)
            if frame is not None:
                segment = segment or stack.enter_context(_begin_segment(time_lapse, size))
                segment.write(frame)
                count += 1
            progress.note()
            if full := count >= SEGMENT_FRAMES or time.monotonic() >= until_s:
                break
    failpoints.hit("timelapse.segment")
    if last is not None:
        progress.keep(last, time_lapse.segments + bool(count))
    return full


def _begin_segment(time_lapse: TimeLapse, size: tuple[int, int]) -> video.Segment:
    return video.Segment(segment_path(time_lapse, time_lapse.segments + 1), *size, time_lapse.fps)


def segment_path(time_lapse: TimeLapse, number: int) -> Path:
    return time_lapses.segment_folder(time_lapse.pk) / f"{number:05}.h264"


def _draw(
    time_lapse: TimeLapse, capture: Capture, size: tuple[int, int], progress: _Progress
) -> bytes | None:
    """Return a picture's frame; None, and counted, when the picture is missing or damaged."""
    stamp = ""
    if time_lapse.stamped:
        stamp = times.stamp(capture.received_at, ZoneInfo(time_lapse.zone), seconds=True)
    try:
        return frames.draw_frame(read_picture(capture), size, stamp)
    except PictureAway:
        raise
    except (PictureMissing, FrameDamaged):
        progress.skipped += 1
        return None


def _rest_of(time_lapse: TimeLapse) -> Iterator[Capture]:
    """Yield the pictures after the last whole segment, a hundred rows at a time."""
    rows = time_lapses.pictures_of(time_lapse)
    after_at, after_id = time_lapse.after_at, time_lapse.after_id
    while True:
        batch = list(_after(rows, after_at, after_id)[:_READ_AT_ONCE])
        yield from batch
        if len(batch) < _READ_AT_ONCE:
            return
        after_at, after_id = batch[-1].received_at, batch[-1].pk


def _after(rows, at: datetime | None, id: UUID | None):
    if at is None:
        return rows
    return rows.filter(Q(received_at__gt=at) | Q(id__gt=id), received_at__gte=at)


def _size_of(time_lapse: TimeLapse) -> tuple[int, int]:
    """Return the film's size: shaped like most of its pictures. It is found once and kept."""
    if time_lapse.height:
        return time_lapse.width, time_lapse.height
    for capture in _samples_of(time_lapse):
        try:
            size = frames.size_of_film(read_picture(capture), time_lapse.width)
        except PictureAway:
            raise
        except (PictureMissing, FrameDamaged):
            continue
        time_lapse.width, time_lapse.height = size
        if not _update(time_lapse, width=size[0], height=size[1]):
            raise Stopped
        return size
    raise CannotMake("no_pictures", said("None of the pictures could be read."))


def _samples_of(time_lapse: TimeLapse) -> Iterator[Capture]:
    rows = time_lapses.pictures_of(time_lapse)
    sizes = rows.order_by().values("width", "height").annotate(count=Count("pk")).order_by("-count")
    for row in sizes[:_SAMPLES]:
        yield from rows.filter(width=row["width"], height=row["height"])[:_SAMPLES]


# --- the end -----------------------------------------------------------------------------------------------


def _finish(time_lapse: TimeLapse) -> None:
    """Lay the segments together, put the film in its place, and note that it is ready."""
    if not time_lapse.segments:
        raise CannotMake("no_pictures", said("None of the pictures could be read."))
    if not _update(time_lapse, lease_until=timezone.now() + timedelta(seconds=_JOIN_LEASE_S)):
        raise Stopped
    # Under another name until it is whole: what has the film's name can be watched.
    unfinished = time_lapses.segment_folder(time_lapse.pk) / "film.mp4"
    began_s = time.monotonic()
    video.join(
        [segment_path(time_lapse, n + 1) for n in range(time_lapse.segments)], time_lapse.fps, unfinished
    )
    _put_in_place(unfinished, time_lapses.film_path(time_lapse.pk))
    failpoints.hit("timelapse.placed")
    values = time_lapses.end_values(
        LapseState.READY,
        size_bytes=time_lapses.film_path(time_lapse.pk).stat().st_size,
        worked_s=time_lapse.worked_s + time.monotonic() - began_s,
        frames_total=time_lapse.frames_done,
        attempts=0,
        **columns("error", ""),
    )
    with transaction.atomic():
        if not _update(time_lapse, **values):
            raise Stopped
        time_lapses.tell(
            time_lapse, said("A time-lapse of %(count)s pictures is ready.", count=time_lapse.frames_shown)
        )
    time_lapses.remove_segments(time_lapse.pk)


def _put_in_place(unfinished: Path, film: Path) -> None:
    file = os.open(unfinished, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(unfinished, film)
    syncing.sync_folder(film.parent)


def _fail(time_lapse: TimeLapse, reason: str, sentence: Said) -> None:
    values = time_lapses.end_values(LapseState.FAILED, reason=reason, **columns("error", sentence))
    with transaction.atomic():
        if not _update(time_lapse, **values):
            return
        told = said("A time-lapse failed: %(why)s", why=sentence)
        time_lapses.tell(time_lapse, told, problem=True)
    time_lapses.remove_files(time_lapse.pk)


def _try_again(time_lapse: TimeLapse, error: Exception) -> None:
    log.warning("A time-lapse came no further and is tried again: %s", error)
    pause = timedelta(seconds=_PAUSE_S * time_lapse.attempts)
    values = {"lease": None, "lease_until": None, "next_try_at": timezone.now() + pause}
    _update(time_lapse, **columns("error", _why(error)), frames_done=time_lapse.frames_done, **values)


def _why(error: Exception) -> Said:
    if isinstance(error, PictureAway):
        return error.said
    if isinstance(error, OSError):
        return said("Files could not be written or read (%(why)s).", why=error.strerror or error)
    return said("The video encoder failed (%(why)s).", why=error)
