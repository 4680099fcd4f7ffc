"""The filters that are on, in words, each with the address without it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from media_pipeline.captures.cards import Camera
from media_pipeline.captures.filters import ANY_FAULT, FAULTS, Filters
from media_pipeline.captures.wording import fault_names, flag_words
from photohub.lib.pages.times import wording as times


@dataclass(frozen=True)
class Chip:
    """One filter that is on."""

    words: str
    url: str


def chips_of(filters: Filters, query: QueryDict, devices: Sequence[Camera]) -> list[Chip]:
    """Return a chip for each filter that is on."""
    return [Chip(words, _without(query, name, value)) for name, value, words in _on(filters, query, devices)]


def _on(filters: Filters, query: QueryDict, devices: Sequence[Camera]) -> Iterator[tuple[str, str, str]]:
    """Yield parameter, value and words."""
    names = {device.code: device.name for device in devices}
    if filters.q:
        yield "q", filters.q, f"“{filters.q}”"
    for code in filters.devices:
        yield "device", code, names.get(code, code)
    if filters.group:
        yield "group", filters.group, filters.group
    yield from _times(filters, query)
    states = {
        "mirrored": _("Mirrored"),
        "waiting": _("Waiting for the mirror"),
        "problem": _("Mirror problem"),
    }
    if filters.state:
        yield "state", filters.state, states[filters.state]
    if filters.asked is not None:
        yield "asked", "", _("Requested") if filters.asked else _("Sent by itself")
    if filters.fault:
        yield "fault", filters.fault, faults()[filters.fault]
    if filters.flag:
        yield "flag", filters.flag, flag_words(filters.flag)
    if filters.tag:
        yield "tag", filters.tag, _("Tag: %(name)s") % {"name": filters.tag}
    if filters.kept:
        yield "kept", "yes", _("Kept")


def faults() -> dict[str, str]:
    """Return what each choice of faults is called."""
    return {ANY_FAULT: _("any fault")} | {
        word: name for word, name in fault_names().items() if word in FAULTS
    }


def _times(filters: Filters, query: QueryDict) -> Iterator[tuple[str, str, str]]:
    for name, at, words in (
        ("from", filters.since, _("from %(time)s")),
        ("to", filters.before, _("until %(time)s")),
    ):
        if at is not None:
            text = query.get(name, "")
            shown = text if "T" not in text else times.moment(at)
            yield name, text, words % {"time": shown}


def _without(query: QueryDict, name: str, value: str) -> str:
    left = query.copy()
    values = [other for other in left.getlist(name) if other != value] if name == "device" else []
    left.pop("cursor", None)
    left.setlist(name, values)
    return reverse("history") + (f"?{left.urlencode()}" if left.urlencode() else "")
