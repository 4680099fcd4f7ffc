"""Pictures and cameras in the form that pages show: addresses, words and marks beside the rows' facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from devices.registry.models import Device
from media_pipeline.formats.likeness import Run, Runs, Shot
from media_pipeline.mirror.models import MirrorState
from photohub.lib.pages.timezones import reader_timezone

from .finding import with_parts
from .models import Capture, CaptureQuerySet, Freshness
from .wording import fault_of, flag_words, freshness_words, mirror_of

# However alike they are, a page of tiles looks at so many pictures at most.
FOLDED_AT_MOST = 2000


@dataclass(frozen=True)
class Mark:
    """A small corner mark of a thumbnail: an icon and words for what is unusual about it."""

    icon: str
    words: str


@dataclass(frozen=True)
class Picture:
    """One capture as pages show it. `flags` are words; a file cut too early has no width and height."""

    id: UUID
    code: str
    device: Device
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


def picture_of(capture: Capture) -> Picture:
    """Dress a capture for a page. Its command and mirror should have been fetched along."""
    address = [capture.pk]
    return Picture(
        id=capture.pk,
        code=capture.code,
        device=capture.device,
        name=capture.name,
        received_at=capture.received_at,
        width=capture.width,
        height=capture.height,
        colour=capture.colour,
        flags=[mark.words for mark in _marks_of_picture(capture)],
        marks=_marks_of(capture),
        kept=capture.kept,
        thumb_url=reverse("capture_thumb", args=address),
        file_url=reverse("capture_original", args=address),
        page_url=reverse("capture", args=address),
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


def _marks_of_picture(capture: Capture) -> list[Mark]:
    """Return what is odd about the picture itself."""
    # A file that ends too early has one mark, whoever noticed it first.
    flags = [flag for flag in capture.flags if flag != "truncated"]
    marks = [Mark(_ICONS.get(flag, "flag"), flag_words(flag)) for flag in flags]
    if fault := fault_of(capture):
        marks.insert(0, Mark(_ICONS.get(fault.word, "flag"), fault.name))
    if capture.freshness in (Freshness.SAME, Freshness.UNLIKE):
        marks.append(Mark(_ICONS[capture.freshness], freshness_words(capture)))
    return marks


def _marks_of(capture: Capture) -> list[Mark]:
    marks = _marks_of_picture(capture)
    if capture.command_id is not None:
        marks.append(Mark("aperture", _("asked for")))
    if capture.kept:
        marks.append(Mark("bookmark", _("kept")))
    return marks + _marks_of_copy(capture)


def _marks_of_copy(capture: Capture) -> list[Mark]:
    mirror = mirror_of(capture)
    if mirror and mirror.state in (MirrorState.BLOCKED, MirrorState.FAILED):
        error = mirror.error_text or mirror.get_state_display()
        return [Mark("cloud-alert", _("not mirrored: %(error)s") % {"error": error})]
    return []


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
    rows: CaptureQuerySet, at_most: int, looked_at: int = FOLDED_AT_MOST
) -> tuple[list[Tile], Shot | None]:
    """Return tiles of pictures that are sorted newest first, and the last picture in them when others follow.

    Like pictures of one camera are one tile; a tile ends with its day in the active time zone.
    """
    runs, last = Runs(), None
    for number, shot in enumerate(_shots(rows[: looked_at + 1])):
        if number == looked_at or (len(runs.found) >= at_most and not runs.goes_on_with(shot)):
            return tiles_of(runs.found), last
        runs.add(shot)
        last = shot
    return tiles_of(runs.found), None


def tiles_of(runs: list[Run]) -> list[Tile]:
    """Fetch the newest picture of each run; one that was deleted meanwhile has no tile."""
    found = with_parts(Capture.objects.all()).in_bulk([run.head.id for run in runs])
    return [Tile(picture_of(found[run.head.id]), run) for run in runs if run.head.id in found]


def as_one(rows: CaptureQuerySet) -> list[Tile]:
    """Return one tile for all of these pictures of a camera, newest first; none where there are none."""
    shots = list(_shots(rows[:FOLDED_AT_MOST]))
    return tiles_of([Run(shots)]) if shots else []


def single(captures: list[Capture]) -> list[Tile]:
    """Return a tile for each picture."""
    return [Tile(picture_of(c), Run([Shot(c.pk, c.device_id, c.received_at, c.dhash)])) for c in captures]


def _shots(rows: CaptureQuerySet) -> Iterator[Shot]:
    zone = reader_timezone()
    found = rows.values_list("pk", "device_id", "received_at", "dhash")
    for id_, camera, at, dhash in found.iterator(chunk_size=200):
        yield Shot(id_, camera, at, dhash, at.astimezone(zone).date())
