"""Pictures and cameras in the form that pages show: addresses, words and marks beside the rows' facts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple, Protocol
from urllib.parse import urlencode
from uuid import UUID

from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils.translation import gettext as _

from media_pipeline.formats.likeness import Run, Runs, Shot
from media_pipeline.mirror.models import MirrorState, OSSObject
from photohub.lib.pages.templating.addresses import address
from photohub.lib.pages.timezones import reader_timezone

from .finding import moments_before, nearest_to, steps_to, steps_to_neighbours
from .models import Capture, CaptureQuerySet, Freshness
from .wording import fault_of, flag_words, freshness_words, mirror_of

# However alike they are, a page of tiles looks at so many pictures at most.
FOLDED_AT_MOST = 2000
SHOT = ("pk", "device_id", "received_at", "dhash")


@dataclass(frozen=True)
class Mark:
    """A small corner mark of a thumbnail: an icon and words for what is unusual about it."""

    icon: str
    words: str


class Camera(Protocol):
    """What a picture on a page says of its camera."""

    @property
    def code(self) -> str: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """One capture as pages show it. `flags` are words; a file cut too early has no width and height."""

    id: UUID
    code: str
    device: Camera
    name: str
    received_at: datetime
    width: int | None
    height: int | None
    colour: str
    flags: list[str]
    marks: list[Mark]
    kept: bool
    thumb_url: str
    file_url: str
    page_url: str

    @property
    def is_upright(self) -> bool:
        """Tell whether it is higher than wide, so that a wide place shows it whole instead of filled."""
        return bool(self.width and self.height and self.height > self.width)


class _Named(NamedTuple):
    code: str
    name: str


class _Row(NamedTuple):
    """What of a capture a tile shows, read without the rest of the row: a page has dozens of them."""

    pk: UUID
    code: str
    name: str
    received_at: datetime
    width: int | None
    height: int | None
    colour: str
    flags: list[str]
    fault: str | None
    fault_values: dict | None
    freshness: str | None
    freshness_values: dict | None
    command_id: UUID | None
    kept: bool
    device: Camera
    mirror: OSSObject | None


_OWN = _Row._fields[:-2]
_OF_OTHERS = ("device__code", "device__name", "mirror__state", "mirror__error", "mirror__error_said")
_IN_TROUBLE = (MirrorState.BLOCKED, MirrorState.FAILED)


def _row_of(values: tuple) -> _Row:
    own, (code, name, state, error, error_said) = values[: len(_OWN)], values[len(_OWN) :]
    # Of a copy only trouble is told, and few have any.
    copy = None
    if state in _IN_TROUBLE:
        copy = OSSObject(state=state, error=error, error_said=error_said)
    return _Row._make((*own, _Named(code, name), copy))


def pictures_in_bulk(ids: Sequence[UUID | RawSQL]) -> dict[UUID, Picture]:
    """Return these captures as pages show them, with one query; those that were deleted are left out.

    A key may be a subquery as well.
    """
    rows = Capture.objects.filter(pk__in=ids).values_list(*_OWN, *_OF_OTHERS)
    return {values[0]: picture_of(_row_of(values)) for values in rows.iterator(chunk_size=500)}


def picture_of(capture: Capture | _Row) -> Picture:
    """Dress a capture for a page. Its device and mirror should have been fetched along."""
    id_, of_picture = capture.pk, _marks_of_picture(capture)
    return Picture(
        id=id_,
        code=capture.code,
        device=capture.device,
        name=capture.name,
        received_at=capture.received_at,
        width=capture.width,
        height=capture.height,
        colour=capture.colour,
        flags=[mark.words for mark in of_picture],
        marks=of_picture + _marks_of_state(capture),
        kept=capture.kept,
        thumb_url=address("capture_thumb", id_),
        file_url=address("capture_original", id_),
        page_url=address("capture", id_),
    )


_ICONS = {
    "trailing": "file-plus",
    "transport": "unplug",
    "clock": "clock",
    "large_preview": "image-off",
    "no_preview": "image-off",
    "cut_short": "scissors",
    "grey_band": "panel-bottom",
    "black": "moon",
    "blown_out": "sun",
    "blurred": "droplet",
    "same": "copy",
    "unlike": "ruler",
}


def _marks_of_picture(capture: Capture | _Row) -> list[Mark]:
    """Return what is odd about the picture itself."""
    # A file that ends too early has one mark, whoever noticed it first.
    flags = [flag for flag in capture.flags if flag != "truncated"]
    marks = [Mark(_ICONS.get(flag, "flag"), flag_words(flag)) for flag in flags]
    if fault := fault_of(capture):
        marks.insert(0, Mark(_ICONS.get(fault.word, "flag"), fault.name))
    if capture.freshness in (Freshness.SAME, Freshness.UNLIKE):
        marks.append(Mark(_ICONS[capture.freshness], freshness_words(capture)))
    return marks


def _marks_of_state(capture: Capture | _Row) -> list[Mark]:
    """Return what became of it."""
    marks = []
    if capture.command_id is not None:
        marks.append(Mark("aperture", _("asked for")))
    if capture.kept:
        marks.append(Mark("bookmark", _("kept")))
    return marks + _marks_of_copy(capture)


def _marks_of_copy(capture: Capture | _Row) -> list[Mark]:
    mirror = mirror_of(capture)
    if mirror and mirror.state in _IN_TROUBLE:
        error = mirror.error_text or mirror.get_state_display()
        return [Mark("cloud-alert", _("not mirrored: %(error)s") % {"error": error})]
    return []


@dataclass(frozen=True)
class Beside:
    """The pictures of the same camera just before and after one, and those of the same hour of the days before."""

    older: Picture | None
    newer: Picture | None
    days: list[Picture]


def look_beside(capture: Capture, zone: tzinfo) -> Beside:
    """Return what is beside a picture, with one query."""
    moments = moments_before(capture, zone)
    found = list(pictures_in_bulk(steps_to_neighbours(capture) + steps_to(capture, moments)).values())
    here = (capture.received_at, capture.pk)
    return Beside(
        max((each for each in found if _place(each) < here), key=_place, default=None),
        min((each for each in found if _place(each) > here), key=_place, default=None),
        nearest_to(moments, found, capture),
    )


def _place(picture: Picture) -> tuple[datetime, UUID]:
    return picture.received_at, picture.id


@dataclass(frozen=True)
class Tile:
    """What stands in one place of a page: a picture, and how many like ones of its camera it stands for."""

    picture: Picture
    run: Run

    @property
    def count(self) -> int:
        return len(self.run.shots)

    @property
    def span(self) -> str:
        """Return the query of the run's camera and time."""
        at = {"from": self.since.isoformat(), "to": (self.until + timedelta(microseconds=1)).isoformat()}
        return urlencode({"device": self.picture.device.code, **at})

    @property
    def run_url(self) -> str:
        """Return the page that shows each picture of the run, for where scripts do not run."""
        return f"{reverse('history')}?{self.span}&fold=no"

    @property
    def left_url(self) -> str:
        """Return the part of a page that shows what is left of the run, as one tile."""
        return f"{reverse('history_run')}?{self.span}"

    @property
    def until(self) -> datetime:
        """When the newest came."""
        return self.run.head.at

    @property
    def since(self) -> datetime:
        """When the oldest came."""
        return self.run.tail.at

    @property
    def value(self) -> str:
        """Return what a form sends for it: the keys of the newest and of the oldest, or of the one picture."""
        return str(self.run.head.id) if self.count == 1 else f"{self.run.head.id}_{self.run.tail.id}"


def fold(
    shots: Iterable[Shot], at_most: int, looked_at: int = FOLDED_AT_MOST
) -> tuple[list[Tile], Shot | None]:
    """Return tiles of pictures that come newest first, and the last picture in them when others follow.

    Similar pictures of one camera are one tile; a tile ends with its day in the active time zone.
    """
    runs, last = Runs(), None
    for number, shot in enumerate(islice(shots, looked_at + 1)):
        if number == looked_at or (len(runs.found) >= at_most and not runs.goes_on_with(shot)):
            return tiles_of(runs.found), last
        runs.add(shot)
        last = shot
    return tiles_of(runs.found), None


def tiles_of(runs: list[Run]) -> list[Tile]:
    """Fetch the newest picture of each run; one that was deleted meanwhile has no tile."""
    found = pictures_in_bulk([run.head.id for run in runs])
    return [Tile(found[run.head.id], run) for run in runs if run.head.id in found]


def as_one(rows: CaptureQuerySet) -> list[Tile]:
    """Return one tile for all of these pictures of a camera, newest first; none where there are none."""
    shots = list(shots_of(rows, FOLDED_AT_MOST))
    return tiles_of([Run(shots)]) if shots else []


def single(captures: list[Capture]) -> list[Tile]:
    """Return a tile for each picture."""
    return [Tile(picture_of(c), Run([Shot(c.pk, c.device_id, c.received_at, c.dhash)])) for c in captures]


def shots_of(rows: CaptureQuerySet, at_most: int) -> Iterator[Shot]:
    """Yield what `fold` looks at of these pictures."""
    return read_shots(rows.values_list(*SHOT)[:at_most].iterator(chunk_size=200))


def read_shots(values: Iterable[tuple]) -> Iterator[Shot]:
    """Yield shots of the columns `SHOT`."""
    zone = reader_timezone()
    for id_, camera, at, dhash in values:
        yield Shot(id_, camera, at, dhash, at.astimezone(zone).date())
