"""What people write on pictures: kept, notes, tags, share links."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from devices.access.rights import sees_all
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import Event, EventType
from photohub.lib.database.db import update_in_order
from photohub.lib.pages.sentences import Said, said

from .models import Capture, Tag, Tagging

TAGS_AT_MOST = 20
NOTE_AT_MOST = 5_000


_listeners: list[Callable[[list[datetime]], None]] = []


def on_note(listener: Callable[[list[datetime]], None]) -> None:
    """Let an upper room know of new notes: `listener(times)` runs in the same transaction, with when the pictures came."""
    if listener not in _listeners:
        _listeners.append(listener)


def set_kept(captures: Iterable[Capture], kept: bool) -> None:
    """Keep pictures, so that nothing deletes them, or let them go."""
    chosen = list(captures)
    with transaction.atomic():
        update_in_order(Capture.objects.filter(pk__in=[c.pk for c in chosen]), kept=kept)
        tell_changed(chosen)
        sentence = (
            said("Kept: %(n)d.", n=len(chosen)) if kept else said("No longer kept: %(n)d.", n=len(chosen))
        )
        _note(chosen, sentence)


def add_tag(captures: Iterable[Capture], name: str) -> str:
    """Put one tag on pictures and return it as it is written; empty when nothing was left of it."""
    names = read_tags(name)
    if not names:
        return ""
    chosen = list(captures)
    with transaction.atomic():
        tag, _new = Tag.objects.get_or_create(name=names[0])
        made = [Tagging(capture=c, tag=tag, received_at=c.received_at) for c in chosen]
        Tagging.objects.bulk_create(made, ignore_conflicts=True)
        tell_changed(chosen)
        _note(chosen, said("Tagged “%(tag)s”: %(n)d.", tag=tag.name, n=len(chosen)))
    return tag.name


def save_labels(capture: Capture, note: str, tags: str) -> None:
    """Replace a picture's note and tags (commas between them). A tag that nothing carries any more goes."""
    with transaction.atomic():
        Capture.objects.filter(pk=capture.pk).update(note=note.replace("\0", "").strip()[:NOTE_AT_MOST])
        for listener in _listeners:
            listener([capture.received_at])
        chosen = [Tag.objects.get_or_create(name=name)[0] for name in read_tags(tags)]
        capture.tags.set(chosen, through_defaults={"received_at": capture.received_at})
        Tag.objects.filter(captures=None).delete()
        tell_changed([capture])
        _note([capture], said("Note and tags."))


def _note(captures: list[Capture], sentence: Said) -> None:
    audit.note_all(Word.CHANGED, Kind.PICTURE, [(c.pk, c.name) for c in captures], sentence)


def tags_of(user) -> QuerySet[Tag]:
    """Return the tags of the pictures that the person may see."""
    if sees_all(user):
        return Tag.objects.all()
    tagged = Capture.tags.through.objects.filter(tag=OuterRef("pk"))
    visible = Capture.objects.visible_to(user).filter(pk=OuterRef("capture"))
    return Tag.objects.filter(Exists(tagged.filter(Exists(visible))))


def tag_line(capture: Capture) -> str:
    """Return the tags of a picture as somebody would write them."""
    return ", ".join(sorted(tag.name for tag in capture.tags.all()))


def read_tags(text: str) -> list[str]:
    """Return the tags in a line of text, each once, as written first."""
    parts = text.replace("\0", "").replace("，", ",").replace("、", ",").split(",")
    names = (" ".join(part.split())[:40] for part in parts)
    return list(dict.fromkeys(name for name in names if name))[:TAGS_AT_MOST]


def tell_changed(captures: list[Capture]) -> None:
    events.record_all(
        [Event(type=EventType.CAPTURE_CHANGED, device=c.device, subject=c.pk) for c in captures]
    )
