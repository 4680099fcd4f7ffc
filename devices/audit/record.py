"""Writing down what people do, in the very transaction of the deed."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from photohub.lib.database.db import one_writer
from photohub.lib.pages.sentences import Said, columns

from .asking import asker
from .models import AuditEntry, Kind, Word

# Few enough that an upload waits no longer for it than for another upload.
_PRUNED_TOGETHER = 500
# The details say how many there were.
_NAMED_AT_MOST = 3


def note(
    word: Word, kind: Kind, key: object = "", name: object = "", details: str | Said = "", *, person=None
) -> None:
    """Write that whoever asks now did this; nothing where no person does. Call it in the transaction of the deed.

    `key` and `name`: what the object is called by programs and by people. `person`: who it is, where the request
    does not know it yet, as at a login.
    """
    who = asker(person)
    if who is None:
        return
    AuditEntry.objects.create(
        person=who.person,
        person_name=who.name[:150],
        via=who.via[:80],
        address=who.address[:64],
        word=word,
        kind=kind,
        object_id=str(key)[:64],
        object_name=str(name)[:200],
        **columns("details", details),
    )


def note_all(
    word: Word, kind: Kind, objects: Sequence[tuple[object, object]], details: str | Said = ""
) -> None:
    """Write one entry for what is done to several at once, each a key and a name; nothing for none of them."""
    if len(objects) == 1:
        note(word, kind, *objects[0], details)
    elif objects:
        note(word, kind, "", ", ".join(str(name) for _key, name in objects[:_NAMED_AT_MOST]), details)


def prune() -> int:
    """Delete some of the entries that are older than the setting says. Returns how many went."""
    if not settings.AUDIT_DAYS:
        return 0
    old = AuditEntry.objects.filter(at__lt=timezone.now() - timedelta(days=settings.AUDIT_DAYS))
    keys = list(old.order_by("at").values_list("pk", flat=True)[:_PRUNED_TOGETHER])
    if not keys:
        return 0
    with one_writer():
        return AuditEntry.objects.filter(pk__in=keys).delete()[0]
