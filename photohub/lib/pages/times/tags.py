"""Template tags and filters of dates and times; every template has them, without a `{% load %}`."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from html import escape
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from . import wording

register = template.Library()

FORMS: dict[str, Callable[[Any], str]] = {
    "time": wording.time_of_day,
    "seconds": wording.time_with_seconds,
    "day": wording.day,
    "heading": wording.day_heading,
    "weekday": wording.weekday,
    "weekday_short": wording.weekday_short,
    "month": wording.month,
    "month_short": wording.month_short,
    "moment": wording.moment,
    "exact": wording.exact,
    "ago": wording.ago,
    "ago_short": wording.ago_short,
    "length": wording.length,
    "length_in_words": wording.length_in_words,
}


def iso(at: date) -> str:
    """Return the point in time for programs and `datetime` attributes, a day as a day."""
    return (
        at.astimezone(UTC).isoformat(timespec="milliseconds") if isinstance(at, datetime) else at.isoformat()
    )


def iso_day(at: date) -> str:
    """Return the reader's day for programs: 2026-11-29."""
    return (wording.local(at).date() if isinstance(at, datetime) else at).isoformat()


def iso_month(at: date) -> str:
    """Return the reader's month for programs: 2026-11."""
    return iso_day(at)[:7]


def _filter(form):
    return lambda value: "" if value is None or value == "" else form(value)


for _name, _form in (FORMS | {"iso": iso, "iso_day": iso_day, "iso_month": iso_month}).items():
    register.filter(f"as_{_name}", _filter(_form))


@register.simple_tag
def when(at: datetime | None, form: str = "moment", **attributes: str) -> SafeString:
    """Write a point in time as a `<time>` that the browser keeps current; nothing where there is none.

    `class` and other attributes may follow: `{% when at "ago" class="muted" %}`.
    """
    if not at:
        return mark_safe("")
    more = "".join([f' {name.replace("_", "-")}="{escape(value)}"' for name, value in attributes.items()])
    reader = wording.reader()
    exact = escape(reader.exact(at))
    words = exact if form == "exact" else escape(reader.moment(at) if form == "moment" else FORMS[form](at))
    # Instant and form hold nothing that would have to be escaped.
    return mark_safe(f'<time datetime="{iso(at)}" data-time="{form}" title="{exact}"{more}>{words}</time>')


@register.simple_tag
def when_span(since: datetime, until: datetime) -> str:
    """Write from when to when."""
    return wording.span(since, until)


@register.simple_tag
def time_patterns() -> SafeString:
    """Write what static/js/times.js makes its words of."""
    text = json.dumps(wording.patterns(), ensure_ascii=False).replace("<", "\\u003c")
    return format_html('<script type="application/json" id="time-words">{}</script>', mark_safe(text))
