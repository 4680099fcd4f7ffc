"""Sentences that are kept as what they are made of, and said in the language of whoever reads them.

    said("%(host)s did not answer in time.", host="oss.example.com")

The text is the English message, found by tools/extract_translations.py as gettext finds its own; a value may be a
sentence itself, a point in time, which each reader is told in his own zone, or a list. A row keeps it as
`{"text": …, "values": {…}}`, and its English beside it for programs that read the table. A message that a later version
says in other words is then said in English.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext, override

from photohub.lib.log.logs import mask
from photohub.lib.pages.times import wording as times
from photohub.lib.pages.timezones import in_hubs_timezone

SENTENCE_CHARS = 300
# Messages that rows of an older hub keep in other words than today, and how each reads now.
NOW: dict[str, str] = json.loads(
    (Path(__file__).parents[3] / "locale/former_messages.json").read_text("utf-8")
)
# What a row keeps of a point in time: {"at": "2026-11-29T20:13:00+00:00"}.
AT = "at"
# Devices and servers say what they like, and everybody who may look reads it: no secret, and not without end.
VALUE_CHARS = 200


@dataclass(frozen=True)
class Said:
    """A message and its values; `str` is the sentence in the language that is active."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.text:
            return ""
        try:
            return (gettext(NOW.get(self.text, self.text)) % _Known(self.values)).strip()
        except (TypeError, ValueError):
            # A row of another version, whose message and values do not fit together.
            return self.text

    def __bool__(self) -> bool:
        return bool(self.text)


class _Known(dict):
    """The values of a sentence. One that an older hub did not write down shows as a question mark."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__({name: _shown(value) for name, value in values.items()})

    def __missing__(self, name: str) -> str:
        return "?"


def _shown(value: object) -> object:
    if isinstance(value, list | tuple):
        return ", ".join(str(_shown(each)) for each in value)
    if isinstance(value, Mapping):
        return _told(value) if AT in value else say(value)
    if isinstance(value, datetime):
        return times.moment(value)
    return value if value is None or isinstance(value, int | Said) else _short(value)


def _told(kept: Mapping[str, Any]) -> str:
    """Tell the point in time that a row keeps."""
    try:
        return times.moment(datetime.fromisoformat(kept[AT]))
    except (TypeError, ValueError):
        return "?"


class Cannot(Exception):
    """Something cannot be done. `word` is for programs, the text for people."""

    def __init__(self, word: str, sentence: Said) -> None:
        super().__init__(sentence)
        self.word, self.said = word, sentence

    @property
    def sentence(self) -> str:
        """The sentence in the language that is active."""
        return str(self.said)


def said(text: str, /, **values: Any) -> Said:
    """Make a sentence of an English message and its values."""
    return Said(text, values)


def said_of(label: object) -> Said:
    """Make a sentence of what gettext_lazy marked and has no values."""
    return Said(in_english(label))


def said_all(sentences: Sequence[Said]) -> Said:
    """Make one of several sentences, one after the other."""
    values = {f"each_{number}": sentence for number, sentence in enumerate(sentences)}
    return Said(" ".join(f"%({name})s" for name in values), values)


def say(row: object, otherwise: str = "") -> str:
    """Return the sentence that a row keeps, in the language that is active.

    `otherwise` is the sentence of a row that keeps none, as an older hub wrote it; it is translated where it had no values.
    """
    if not isinstance(row, Mapping) or not isinstance(text := row.get("text"), str) or not text:
        return gettext(otherwise) if otherwise else ""
    values = row.get("values")
    return str(Said(text, values if isinstance(values, Mapping) else {}))


def kept(sentence: "str | Said") -> dict[str, Any]:
    """Return what a row keeps of a sentence: nothing of one that is the same in every language."""
    return plain(sentence) if isinstance(sentence, Said) and sentence else {}


def columns(name: str, sentence: "str | Said") -> dict[str, Any]:
    """Return what a row with the columns `name` and `<name>_said` keeps of a sentence."""
    return {name: in_english(sentence)[:SENTENCE_CHARS], f"{name}_said": kept(sentence)}


def plain(value: object) -> Any:
    """Return a value of a sentence as JSON has it: short, and without what a database refuses in a text."""
    if isinstance(value, Said):
        return {"text": value.text, "values": {name: plain(each) for name, each in value.values.items()}}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return {AT: value.astimezone(UTC).isoformat()}
    # What a row kept goes into another row as it is.
    return value if value is None or isinstance(value, int | Mapping) else _short(value)


def _short(value: object) -> str:
    return mask("".join(c if c.isprintable() else " " for c in str(value)))[:VALUE_CHARS]


def in_english(sentence: object) -> str:
    """Return the sentence for programs and logs, with the hub's own time."""
    with override("en"), in_hubs_timezone(), times.in_full():
        return str(sentence)
