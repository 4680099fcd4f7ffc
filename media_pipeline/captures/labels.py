"""What people write on pictures: kept, notes, tags, share links."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from devices.access.rights import sees_all
from devices.events import record as events
from devices.events.models import Event, EventType
from media_pipeline.models import Capture, ShareLink, Tag
from photohub.lib.database.db import update_in_order

TAGS_AT_MOST = 20
NOTE_AT_MOST = 5_000
SHARE_FOR = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "never": None,
}


def set_kept(captures: Iterable[Capture], kept: bool) -> None:
    """Keep pictures, so that nothing deletes them, or let them go."""
    chosen = list(captures)
    with transaction.atomic():
        update_in_order(Capture.objects.filter(pk__in=[c.pk for c in chosen]), kept=kept)
        _tell(chosen)


def add_tag(captures: Iterable[Capture], name: str) -> str:
    """Put one tag on pictures and return it as it is written; empty when nothing was left of it."""
    names = read_tags(name)
    if not names:
        return ""
    chosen = list(captures)
    with transaction.atomic():
        tag, _new = Tag.objects.get_or_create(name=names[0])
        tag.captures.add(*chosen)
        _tell(chosen)
    return tag.name


def save_labels(capture: Capture, note: str, tags: str) -> None:
    """Replace a picture's note and tags (commas between them). A tag that nothing carries any more goes."""
    with transaction.atomic():
        Capture.objects.filter(pk=capture.pk).update(note=note.replace("\0", "").strip()[:NOTE_AT_MOST])
        capture.tags.set([Tag.objects.get_or_create(name=name)[0] for name in read_tags(tags)])
        Tag.objects.filter(captures=None).delete()
        _tell([capture])


def tags_of(user) -> QuerySet[Tag]:
    """Return the tags of the pictures that the person may see."""
    if sees_all(user):
        return Tag.objects.all()
    tagged = Capture.tags.through.objects.filter(tag=OuterRef("pk"))
    visible = Capture.objects.visible_to(user).filter(pk=OuterRef("capture"))
    return Tag.objects.filter(Exists(tagged.filter(Exists(visible))))


def read_tags(text: str) -> list[str]:
    """Return the tags in a line of text, each once, as written first."""
    parts = text.replace("\0", "").replace("，", ",").replace("、", ",").split(",")
    names = (" ".join(part.split())[:40] for part in parts)
    return list(dict.fromkeys(name for name in names if name))[:TAGS_AT_MOST]


def set_link_revoked(capture: Capture, revoked: bool) -> None:
    """Withdraw the picture's lasting link, or let it work again."""
    with transaction.atomic():
        Capture.objects.filter(pk=capture.pk).update(link_revoked_at=timezone.now() if revoked else None)
        _tell([capture])


def share(capture: Capture, user, how_long: str) -> ShareLink:
    """Make a link for somebody without an account. `how_long` is a key of SHARE_FOR."""
    lasts = SHARE_FOR[how_long]
    return ShareLink.objects.create(
        capture=capture, created_by=user, expires_at=timezone.now() + lasts if lasts else None
    )


def revoke_share(capture: Capture, code: str) -> bool:
    """End a share link at once; False when there is no such living link on this picture."""
    rows = ShareLink.objects.filter(capture=capture, code=code, revoked_at=None)
    return bool(rows.update(revoked_at=timezone.now()))


def _tell(captures: list[Capture]) -> None:
    events.record_all(
        [Event(type=EventType.CAPTURE_CHANGED, device=c.device, subject=c.pk) for c in captures]
    )
