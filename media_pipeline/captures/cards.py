"""Pictures and cameras in the form that pages show: addresses, words and marks beside the rows' facts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from devices.registry.models import Device
from media_pipeline.mirror.models import MirrorState, OSSObject

from .models import Capture


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
        flags=[flag_words(flag) for flag in capture.flags],
        marks=_marks_of(capture),
        kept=capture.kept,
        thumb_url=reverse("capture_thumb", args=address),
        file_url=reverse("capture_original", args=address),
        page_url=reverse("capture", args=address),
    )


def flag_words(flag: str) -> str:
    """Say in words what a flag means; an unknown one stands for itself."""
    words = {
        "truncated": _("cut short"),
        "trailing": _("extra bytes at the end"),
        "transport": _("whole, but its transport ended badly"),
        "clock": _("the camera's clock was wrong"),
        "large_preview": _("no preview: it takes too much memory to draw"),
        "no_preview": _("no preview: it could not be drawn"),
        "repeat": _("same picture as before"),
    }
    return words.get(flag, flag)


def mirror_of(capture: Capture) -> OSSObject | None:
    return getattr(capture, "mirror", None)


def _marks_of(capture: Capture) -> list[Mark]:
    icons = {
        "truncated": "scissors",
        "trailing": "file-plus",
        "repeat": "copy",
        "transport": "unplug",
        "clock": "clock",
        "large_preview": "image-off",
        "no_preview": "image-off",
    }
    marks = [Mark(icons.get(flag, "flag"), flag_words(flag)) for flag in capture.flags]
    if capture.command_id is None:
        marks.append(Mark("hand", _("not asked for: the camera sent it by itself")))
    if capture.kept:
        marks.append(Mark("bookmark", _("kept")))
    mirror = mirror_of(capture)
    if mirror and mirror.state in (MirrorState.PENDING, MirrorState.UPLOADING):
        marks.append(Mark("cloud-upload", _("waiting for the mirror")))
    if mirror and mirror.state in (MirrorState.BLOCKED, MirrorState.FAILED):
        marks.append(
            Mark(
                "cloud-alert",
                _("not mirrored: %(error)s") % {"error": mirror.error_text or mirror.get_state_display()},
            )
        )
    return marks
