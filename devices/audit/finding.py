"""Which entries somebody looks for: by person, word, object and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.db.models import QuerySet

from photohub.lib.pages.instants import read_instant, text_of

from .models import AuditEntry, Word


@dataclass(frozen=True)
class Wanted:
    """What narrows the log; empty: everything."""

    person: str = ""
    word: str = ""
    object: str = ""
    since: datetime | None = None
    before: datetime | None = None

    def __bool__(self) -> bool:
        return self != Wanted()


def read_wanted(query: Mapping, zone: tzinfo) -> Wanted:
    """Read the filters of an address. Raises BadFilter."""
    word = text_of(query, "word")
    return Wanted(
        person=text_of(query, "person"),
        word=word if word in Word.values else "",
        object=text_of(query, "object"),
        since=read_instant(query, "from", zone),
        before=read_instant(query, "to", zone, whole_day=True),
    )


def find(wanted: Wanted) -> QuerySet[AuditEntry]:
    """Return the entries, in no order yet."""
    rows = AuditEntry.objects.all()
    if wanted.person:
        rows = rows.filter(person_name=wanted.person)
    if wanted.word:
        rows = rows.filter(word=wanted.word)
    if wanted.object:
        rows = rows.filter(object_id=wanted.object)
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    return rows.filter(at__lt=wanted.before) if wanted.before else rows
