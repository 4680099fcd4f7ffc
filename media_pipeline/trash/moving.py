"""Into the trash and back: the rows say so, and nothing else moves. Files, previews and mirror copies stay."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from devices.access.rights import Action, actor_of, can, is_owner
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from media_pipeline.captures.labels import tell_changed
from media_pipeline.captures.models import Capture, CaptureQuerySet
from media_pipeline.maintenance.counting import mark_changed
from media_pipeline.maintenance.deleting import delete_captures
from media_pipeline.search import index
from photohub.lib.database.db import lock_in_order
from photohub.lib.pages.sentences import said

AT_MOST = 500


@dataclass(frozen=True)
class Moved:
    """How many pictures went, and how many stayed because they are kept or not the person's to delete.

    `undo` takes them back; empty where they are gone for good.
    """

    trashed: int
    kept: int
    refused: int
    undo: str = ""


@dataclass(frozen=True)
class Contents:
    """How much lies in the trash."""

    count: int
    size_bytes: int


def move_to_trash(user, captures: Iterable[Capture]) -> Moved:
    """Move pictures to the trash; without one (PHOTOHUB_TRASH_DAYS=0) owners delete them for good. Kept ones stay."""
    chosen = list(captures)
    if not settings.TRASH_DAYS:
        if not is_owner(user):
            raise PermissionDenied
        done = delete_captures(user, chosen)
        return Moved(done.gone, done.kept, done.refused)
    allowed = [c for c in chosen if can(user, Action.COMMAND, c.device)]
    now = timezone.now()
    with transaction.atomic():
        # Asked afresh and locked: somebody may have kept one since the page was made.
        keys = set(lock_in_order(Capture.objects.filter(pk__in=[c.pk for c in allowed], kept=False)))
        Capture.objects.filter(pk__in=keys).update(trashed_at=now, trashed_by=actor_of(user))
        gone = [c for c in allowed if c.pk in keys]
        mark_changed(gone)
        _tell(user, gone, gone=True)
    undo = now.isoformat() if keys else ""
    return Moved(len(keys), len(allowed) - len(keys), len(chosen) - len(allowed), undo)


def restore(user, captures: Iterable[Capture]) -> int:
    """Take pictures back from the trash. Returns how many came back."""
    allowed = [c for c in captures if can(user, Action.COMMAND, c.device)]
    with transaction.atomic():
        rows = Capture.everything.in_trash().filter(pk__in=[c.pk for c in allowed])
        keys = set(lock_in_order(rows))
        Capture.everything.filter(pk__in=keys).update(trashed_at=None, trashed_by=None)
        back = [c for c in allowed if c.pk in keys]
        mark_changed(back)
        index.note_change(c.received_at for c in back)
        _tell(user, back, gone=False)
    return len(keys)


def undo(user, word: str) -> int:
    """Take back what one move of this person put into the trash. Returns how many came back."""
    at = _instant(word)
    if at is None:
        return 0
    rows = trash_of(user).filter(trashed_at=at, trashed_by=user)
    return restore(user, rows[:AT_MOST])


def _instant(word: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(word)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def trash_of(user) -> CaptureQuerySet:
    """Return the pictures in the trash that the person may take back, the last that went first."""
    rows = Capture.everything.in_trash().commanded_by(user)
    return rows.select_related("device", "command", "mirror", "trashed_by").order_by("-trashed_at", "-id")


def contents_of(user) -> Contents:
    """Count the pictures of the trash and their bytes."""
    rows = Capture.everything.in_trash().commanded_by(user)
    found = rows.aggregate(count=Count("pk"), size=Sum("size_bytes"))
    return Contents(found["count"], found["size"] or 0)


def _tell(user, captures: list[Capture], *, gone: bool) -> None:
    """Let open pages look again, and write down for each device who did it and to how many."""
    by_device: dict[int, list[Capture]] = {}
    for capture in captures:
        by_device.setdefault(capture.device_id, []).append(capture)
    for of_one in by_device.values():
        count = len(of_one)
        sentence = (
            said("Pictures moved to the trash: %(count)s.", count=count)
            if gone
            else said("Pictures restored from the trash: %(count)s.", count=count)
        )
        events.record(EventType.DEVICE_CHANGED, device=of_one[0].device, actor=user, sentence=sentence)
    tell_changed(captures)
    _note(captures, gone=gone)


def _note(captures: list[Capture], *, gone: bool) -> None:
    count = len(captures)
    if gone:
        word, sentence = Word.DELETED, said("Pictures moved to the trash: %(count)s.", count=count)
    else:
        word, sentence = Word.RESTORED, said("Pictures restored from the trash: %(count)s.", count=count)
    audit.note_all(word, Kind.PICTURE, [(c.pk, c.name) for c in captures], sentence)
