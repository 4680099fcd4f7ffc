"""Asking for time-lapses: which pictures, how many, how long it takes; stopping, deleting, and what is too old."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from devices.registry.models import Device
from media_pipeline.captures.models import Capture, CaptureQuerySet
from media_pipeline.formats.likeness import are_alike
from media_pipeline.nodes import here
from photohub.lib.ids import read_id
from photohub.lib.messaging import enqueue
from photohub.lib.pages.sentences import Said

from .models import LapseState, TimeLapse

TASK = "media_pipeline.tasks.make_time_lapses"
FRAMES_AT_MOST = 20_000
CHOSEN_AT_MOST = 500
STEP_AT_MOST = 1000
FPS = (1, 60)
WIDTH_PX = (64, 1920)
OPEN_AT_MOST = 50
# What one million pixels took on two slow cores; a film of this hub that is ready knows better.
_S_PER_MEGAPIXEL = 0.12
_NAMES_KEPT_AT_MOST = 5000


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see as a film: a device's pictures from `since` up to but without `before`, or `chosen`."""

    device: Device
    since: datetime | None = None
    before: datetime | None = None
    chosen: tuple[str, ...] = ()
    step: int = 1
    skip_like: bool = False
    fps: int = 10
    width: int = 1280
    stamped: bool = False
    zone: str = "UTC"


@dataclass(frozen=True)
class Outlook:
    """What a wish would give: `frames` looked at and how many of them look `like` the one before and are left out,
    the film's length, and about how long making it takes."""

    frames: int
    like: int
    film_s: float
    work_s: float

    @property
    def shown(self) -> int:
        return self.frames - self.like


def pictures_of(wish: Wish | TimeLapse) -> CaptureQuerySet:
    """Return the pictures of a film, oldest first, before every `step`-th is taken."""
    rows = Capture.objects.filter(device=wish.device).order_by("received_at", "id")
    if wish.chosen:
        return rows.filter(pk__in=list(wish.chosen))
    if wish.since:
        rows = rows.filter(received_at__gte=wish.since)
    return rows.filter(received_at__lt=wish.before) if wish.before else rows


def look_ahead(wish: Wish) -> Outlook:
    """Tell how many frames it would be and about how long it takes. Counts no further than is worth it."""
    rows = pictures_of(wish)[: FRAMES_AT_MOST * wish.step + 1]
    frames = -(-rows.count() // wish.step)
    like = _count_like(wish, rows) if wish.skip_like else 0
    return Outlook(frames, like, (frames - like) / wish.fps, (frames - like) * _frame_s(wish))


def _count_like(wish: Wish, rows: CaptureQuerySet) -> int:
    like, shown = 0, None
    for number, dhash in enumerate(rows.values_list("dhash", flat=True).iterator(chunk_size=2000)):
        if number % wish.step:
            continue
        if are_alike(shown, dhash):
            like += 1
        else:
            shown = dhash
    return like


def _frame_s(wish: Wish) -> float:
    """Return about how long one frame takes: as in the last film, for as many pixels as the pictures have."""
    shown = pictures_of(wish).values_list("width", flat=True).first()
    width = min(wish.width, shown or wish.width)
    rows = TimeLapse.objects.filter(state=LapseState.READY, frames_done__gt=20).order_by("-created_at")
    known = rows.first()
    if known is None:
        return _S_PER_MEGAPIXEL * width * width * 0.75 / 1e6
    return known.worked_s / known.frames_done * (width / known.width) ** 2


def check_wish(wish: Wish) -> Outlook:
    """Return what it would give. Raises ValidationError by field, in sentences."""
    problems: dict[str, str] = {}
    limits = {"fps": FPS, "width": WIDTH_PX, "step": (1, STEP_AT_MOST)}
    for name, (least, most) in limits.items():
        if not least <= getattr(wish, name) <= most:
            problems[name] = _("Choose a number from %(least)s to %(most)s.") % {"least": least, "most": most}
    if wish.since and wish.before and wish.since >= wish.before:
        problems["to"] = _("The end must be after the start.")
    if len(wish.chosen) > CHOSEN_AT_MOST or not all(read_id(text) for text in wish.chosen):
        problems["captures"] = _("Choose at most %(most)s pictures.") % {"most": CHOSEN_AT_MOST}
    if problems:
        raise ValidationError(problems)
    outlook = look_ahead(wish)
    if not outlook.frames:
        raise ValidationError({"from": _("The camera has no picture from that time. Choose another one.")})
    if outlook.frames > FRAMES_AT_MOST:
        sentence = _(
            "These are more than %(most)s pictures. Choose a shorter time, or only every few pictures."
        )
        raise ValidationError({"step": sentence % {"most": f"{FRAMES_AT_MOST:,}"}})
    return outlook


def ask_for(wish: Wish, user=None) -> TimeLapse:
    """Queue a film. Raises ValidationError by field. Rights are asked before."""
    if wish.before is None and not wish.chosen:
        # What comes from now on belongs to another film, or this one would never be ready.
        wish = Wish(**(wish.__dict__ | {"before": timezone.now()}))
    outlook = check_wish(wish)
    if TimeLapse.objects.unfinished().count() >= OPEN_AT_MOST:
        raise ValidationError(_("Too many time-lapses are waiting. Try again when some of them are ready."))
    with transaction.atomic():
        time_lapse = TimeLapse.objects.create(
            **(wish.__dict__ | {"chosen": list(wish.chosen)}),
            node=here.mark(),
            frames_total=outlook.frames,
            asked_by=actor_of(user),
        )
        tell(time_lapse)
        audit.note(Word.ADDED, Kind.TIME_LAPSE, time_lapse.pk, time_lapse.device)
        transaction.on_commit(lambda: enqueue.send_task(TASK, [time_lapse.pk]), robust=True)
    return time_lapse


def cancel(time_lapse: TimeLapse) -> bool:
    """Stop making a film; the worker sees it within a second. False when it is over already."""
    with transaction.atomic():
        rows = TimeLapse.objects.unfinished().filter(pk=time_lapse.pk)
        stopped = rows.update(state=LapseState.CANCELLED, lease=None, finished_at=timezone.now(), **_expiry())
        if stopped:
            tell(time_lapse)
            audit.note(Word.CANCELLED, Kind.TIME_LAPSE, time_lapse.pk, time_lapse.device)
            transaction.on_commit(lambda: remove_files(time_lapse.pk), robust=True)
    return bool(stopped)


def delete(time_lapse: TimeLapse) -> None:
    """Delete a film, ready or not, with its file."""
    with transaction.atomic():
        TimeLapse.objects.filter(pk=time_lapse.pk).delete()
        tell(time_lapse)
        audit.note(Word.DELETED, Kind.TIME_LAPSE, time_lapse.pk, time_lapse.device)
        transaction.on_commit(lambda: remove_files(time_lapse.pk), robust=True)


def tell(time_lapse: TimeLapse, sentence: str | Said = "", problem: bool = False) -> None:
    """Let open pages look again; with a sentence it stands among the device's events."""
    events.record(EventType.DEVICE_CHANGED, device=time_lapse.device, sentence=sentence, problem=problem)


def _expiry() -> dict[str, datetime | None]:
    days = settings.KEEP_TIME_LAPSES_DAYS
    return {"expires_at": timezone.now() + timedelta(days=days) if days else None}


def end_values(state: str, **values) -> dict:
    """Return what is set on a row when its film is over."""
    values |= {"state": state, "lease": None, "lease_until": None, "finished_at": timezone.now()}
    return values | _expiry()


# --- files -------------------------------------------------------------------------------------------------


def film_path(id: UUID) -> Path:
    return settings.TIME_LAPSES_DIR / f"{id}.mp4"


def segment_folder(id: UUID) -> Path:
    return settings.TIME_LAPSES_DIR / f"{id}.parts"


def remove_files(id: UUID) -> None:
    film_path(id).unlink(missing_ok=True)
    remove_segments(id)


def remove_segments(id: UUID) -> None:
    shutil.rmtree(segment_folder(id), ignore_errors=True)


def drop_expired() -> int:
    """Delete films that are too old. Returns how many."""
    gone = 0
    old = TimeLapse.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at")
    for time_lapse in old.select_related("device")[:200]:
        delete(time_lapse)
        gone += 1
    return gone


def drop_left_over() -> int:
    """Remove files of films whose rows are gone, as with a deleted device. Returns how many."""
    if not settings.TIME_LAPSES_DIR.is_dir():
        return 0
    paths = list(settings.TIME_LAPSES_DIR.iterdir())[:_NAMES_KEPT_AT_MOST]
    # Asked after the folder was read: a row comes before its files.
    known = _with_files(id for path in paths if (id := read_id(path.stem)))
    left = [id for path in paths if (id := read_id(path.stem)) and id not in known]
    for id in left:
        remove_files(id)
    return len(left)


def _with_files(ids: Iterable[UUID]) -> set[UUID]:
    ended = (LapseState.CANCELLED, LapseState.FAILED)
    found: set[UUID] = set()
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        rows = TimeLapse.objects.filter(pk__in=wanted[start : start + 500]).exclude(state__in=ended)
        found |= set(rows.values_list("pk", flat=True))
    return found
