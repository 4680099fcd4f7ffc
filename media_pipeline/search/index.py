"""Keeping the index of texts: stretches of 128 pictures, made by the sweep, so that a picture that comes pays nothing.

- A stretch is made once its pictures are two minutes old, when hardly an upload of them is still on its way to the commit.
- Who stores a picture later than that, takes one back from the trash, or writes a note, says so in the same transaction
  (`note_change`). Until the sweep has made that stretch anew, it is looked through whatever is asked for.
- Older pictures are taken in backwards, some at each look: after an upgrade the hub serves at once, and what is not taken
  in yet is looked through picture by picture.
- What is deleted leaves its pieces behind, which cost a look in vain at most.

So a search is right at any time; the index only says where nothing can be. Two looks at once do no harm: the row of the
span has a version, and the second to write starts anew.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from media_pipeline.captures.models import Capture
from photohub.lib.database.db import one_writer

from . import blocks
from .grams import grams_of
from .models import ChangedText, IndexedSpan, TextBlock

TOGETHER = 128
CHANGES_AT_MOST = 500
_SETTLES_AFTER = timedelta(minutes=2)
_LATE_AFTER = timedelta(minutes=1)
_LOOK_S = 0.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def number_of(at: datetime) -> int:
    """Return the microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(number: int) -> datetime:
    """Return the instant so many microseconds after 1970."""
    return _EPOCH + number * _MICROSECOND


def note_change(times: Iterable[datetime]) -> None:
    """Have the stretches made anew in which these pictures came. Call it in the transaction that changes them."""
    ChangedText.objects.bulk_create([ChangedText(at=at) for at in sorted(set(times))])


def note_late(times: Iterable[datetime], now: datetime) -> None:
    """Have the stretches made anew of pictures that came so long ago that theirs may be made. Call it where they are stored."""
    if late := [at for at in times if now - at > _LATE_AFTER]:
        note_change(late)


@dataclass(frozen=True)
class Cover:
    """What the blocks cover, and the stretches within it that they do not tell the truth about."""

    since: datetime
    until: datetime
    changed: list[blocks.Stretch]


def cover() -> Cover | None:
    """Return what the index may be asked about; None: nothing, for now."""
    span = IndexedSpan.objects.first() if blocks.is_indexed() else None
    if span is None or span.since >= span.until:
        return None
    times = list(ChangedText.objects.values_list("at", flat=True)[: CHANGES_AT_MOST + 1])
    if len(times) > CHANGES_AT_MOST:
        return None
    # A clock that was ahead has left blocks for times that are still to come.
    until = min(instant_of(span.until), timezone.now() - _SETTLES_AFTER)
    changed = sorted({stretch for at in times if (stretch := _stretch_of(number_of(at)))})
    return Cover(instant_of(span.since), until, changed)


def _stretch_of(number: int) -> blocks.Stretch | None:
    rows = TextBlock.objects.filter(pk__lte=number).order_by("-pk").values_list("since", "until")
    found = rows.first()
    return found if found and found[1] > number else None


def waits() -> bool:
    """Tell whether the sweep has something to do here without any picture that comes."""
    if not blocks.is_indexed():
        return False
    span = IndexedSpan.objects.first()
    settled = number_of(timezone.now() - _SETTLES_AFTER)
    return span is None or span.since > 0 or _full(span.until, settled) is not None


def keep_texts() -> None:
    """Make the stretches anew that changed, those that are full, and some of the old ones."""
    if not blocks.is_indexed():
        return
    end_s = time.monotonic() + _LOOK_S
    while step := _next_step():
        if not _write(step) or time.monotonic() > end_s:
            return


@dataclass(frozen=True)
class _Step:
    """What the span is afterwards, the blocks that go and come, the changes that are done with, and those that are left."""

    version: int
    since: int
    until: int
    gone: list[TextBlock]
    come: list[TextBlock]
    changes: list[int]
    left: list[datetime] = field(default_factory=list)


def _next_step() -> _Step | None:
    settled = number_of(timezone.now() - _SETTLES_AFTER)
    span, _made = IndexedSpan.objects.get_or_create(pk=1, defaults={"since": settled, "until": settled})
    if span.until > settled:
        return _back_to(span, settled)
    if changes := list(ChangedText.objects.order_by("pk").values_list("pk", "at")[:TOGETHER]):
        stretches = {stretch for _key, at in changes if (stretch := _stretch_of(number_of(at)))}
        gone = list(TextBlock.objects.filter(pk__in=[since for since, _until in stretches]))
        come, left = _cut_all(gone)
        return _Step(span.version, span.since, span.until, gone, come, [key for key, _at in changes], left)
    if (until := _full(span.until, settled)) is not None:
        return _Step(span.version, span.since, until, [], [_block(span.until, until)], [])
    if span.since > 0:
        since = _last_before(span.since)
        return _Step(span.version, since, span.until, [], [_block(since, span.since)], [])
    return None


def _back_to(span: IndexedSpan, settled: int) -> _Step:
    """Let go of what a clock that was ahead has covered; pictures may still come there."""
    gone = list(TextBlock.objects.filter(until__gt=settled).order_by("-pk")[:TOGETHER])
    until = min([settled, *(block.since for block in gone)])
    until = until if len(gone) < TOGETHER else gone[-1].since
    return _Step(span.version, min(span.since, until), until, gone, [], [])


def _rows() -> QuerySet[Capture]:
    # Without what lies in the trash, which no index has in order of time: what comes back from there is told.
    return Capture.objects.order_by()


def _full(since: int, settled: int) -> int | None:
    """Return where a stretch that begins here ends, once it has its pictures."""
    rows = _rows().filter(received_at__gte=instant_of(since), received_at__lt=instant_of(settled))
    times = rows.order_by("received_at").values_list("received_at", flat=True)
    last = times[TOGETHER - 1 : TOGETHER].first()
    return None if last is None else number_of(last) + 1


def _last_before(until: int) -> int:
    """Return where a stretch begins that ends here; 0 when all that is left is in it."""
    rows = _rows().filter(received_at__lt=instant_of(until)).order_by("-received_at")
    first = rows.values_list("received_at", flat=True)[TOGETHER - 1 : TOGETHER].first()
    return 0 if first is None else number_of(first)


def _cut_all(stretches: list[TextBlock]) -> tuple[list[TextBlock], list[datetime]]:
    """Return the stretches made anew, in several blocks where late pictures made one long; and where it goes on next time."""
    made: list[TextBlock] = []
    left: list[datetime] = []
    for stretch in stretches:
        since = stretch.since
        while (
            (end := _full(since, stretch.until)) is not None and end < stretch.until and len(made) < TOGETHER
        ):
            made.append(_block(since, end))
            since = end
        if end is not None and end < stretch.until:
            made.append(TextBlock(since=since, until=stretch.until, grams=[]))
            left.append(instant_of(since))
        else:
            made.append(_block(since, stretch.until))
    return made, left


def _block(since: int, until: int) -> TextBlock:
    rows = _rows().filter(received_at__gte=instant_of(since), received_at__lt=instant_of(until))
    texts = {text for row in rows.values_list("name", "note") for text in row if text}
    return TextBlock(since=since, until=until, grams=sorted(grams_of(texts)))


def _write(step: _Step) -> bool:
    """Write what a step has made; False when another look was quicker, whose pictures may be newer."""
    span = IndexedSpan.objects.filter(pk=1, version=step.version)
    with one_writer(), transaction.atomic():
        if not span.update(since=step.since, until=step.until, version=F("version") + 1):
            return False
        blocks.drop(step.gone)
        blocks.write(step.come)
        ChangedText.objects.filter(pk__in=step.changes).delete()
        note_change(step.left)
    return True
