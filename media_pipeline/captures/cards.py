"""Pictures and cameras in the form that pages show: addresses, words and marks beside the rows' facts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from devices.registry.models import Device
from media_pipeline.mirror.models import MirrorState

from .models import Capture, Freshness
from .wording import fault_of, flag_words, freshness_words, mirror_of


@dataclass(frozen=True)
class Mark:
    """A small corner mark of a thumbnail: an icon and the words that it stands for."""

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
    if capture.command_id is None:
        marks.append(Mark("hand", _("not asked for: the camera sent it by itself")))
    if capture.kept:
        marks.append(Mark("bookmark", _("kept")))
    return marks + _marks_of_copy(capture)


def _marks_of_copy(capture: Capture) -> list[Mark]:
    mirror = mirror_of(capture)
    if mirror and mirror.state in (MirrorState.PENDING, MirrorState.UPLOADING):
        return [Mark("cloud-upload", _("waiting for the mirror"))]
    if mirror and mirror.state in (MirrorState.BLOCKED, MirrorState.FAILED):
        error = mirror.error_text or mirror.get_state_display()
        return [Mark("cloud-alert", _("not mirrored: %(error)s") % {"error": error})]
    return []
