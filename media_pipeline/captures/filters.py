"""Which pictures are wanted, as pages and programs write it in a query."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from django.utils.translation import gettext as _

from media_pipeline.formats import faults
from media_pipeline.mirror.models import MirrorState
from photohub.lib.pages.instants import BadFilter, read_instant, text_of

STATES = {
    "mirrored": (MirrorState.MIRRORED,),
    "waiting": (MirrorState.PENDING, MirrorState.UPLOADING),
    "problem": (MirrorState.BLOCKED, MirrorState.FAILED),
}
ANY_FAULT = "any"
FAULTS = (ANY_FAULT, *faults.WORDS)
_ASKED = {"": None, "yes": True, "no": False}


@dataclass(frozen=True)
class Filters:
    """What pictures are wanted: from the instant `since` on, up to but without `before`."""

    devices: tuple[str, ...] = ()
    group: str = ""
    since: datetime | None = None
    before: datetime | None = None
    state: str = ""
    flag: str = ""
    fault: str = ""
    tag: str = ""
    q: str = ""
    asked: bool | None = None
    kept: bool = False

    @classmethod
    def from_query(cls, query: Mapping, zone: tzinfo = UTC) -> "Filters":
        """Read device (repeatable), group, from, to, state, flag, fault, tag, q, asked, kept. Raises BadFilter."""
        devices = query.getlist("device") if hasattr(query, "getlist") else [query.get("device", "")]
        return cls(
            # A NUL is in no code, and PostgreSQL refuses it.
            devices=tuple(dict.fromkeys(code.replace("\0", "?") for code in devices if code)),
            group=text_of(query, "group"),
            since=read_instant(query, "from", zone),
            before=read_instant(query, "to", zone, whole_day=True),
            state=_choice(query, "state", {"": "", **{word: word for word in STATES}}),
            flag=text_of(query, "flag"),
            fault=_choice(query, "fault", {"": "", **{word: word for word in FAULTS}}),
            tag=text_of(query, "tag"),
            q=text_of(query, "q"),
            asked=_choice(query, "asked", _ASKED),
            kept=_choice(query, "kept", {"": False, "no": False, "yes": True}),
        )

    @property
    def are_plain(self) -> bool:
        """Tell whether only cameras and times are named, so that nothing of a picture itself has to be looked at."""
        named = replace(self.without_span(), devices=(), group="")
        return named == Filters()

    def without_span(self) -> "Filters":
        """Return the same without the times."""
        return replace(self, since=None, before=None)

    def __bool__(self) -> bool:
        """Tell whether anything is filtered at all."""
        return self != Filters()


def _choice(query: Mapping, name: str, choices: dict):
    word = text_of(query, name)
    if word not in choices:
        known = ", ".join(c for c in choices if c)
        raise BadFilter(_("“%(name)s” must be one of: %(known)s.") % {"name": name, "known": known})
    return choices[word]
