"""One part of the hub, and how it fares: what the status page, `/readyz`, the API and `manage.py doctor` show of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.utils.translation import gettext as _

State = Literal["ok", "warning", "problem", "off"]
LOOKS = {"ok": "good", "warning": "warn", "problem": "bad", "off": "off"}


@dataclass(frozen=True)
class Part:
    """One part of the hub: how it is (`sentence`), what to do (`help`), and (label, value) pairs in words."""

    state: State
    sentence: str
    since: datetime | None = None
    figures: list[tuple[str, str]] = field(default_factory=list)
    help: str = ""
    # Whoever asks for the part names it.
    key: str = ""
    label: str = ""

    @property
    def look(self) -> str:
        """Return the name of the state in the style sheets."""
        return LOOKS[self.state]

    @property
    def word(self) -> str:
        words = {
            "ok": _("well"),
            "warning": _("needs attention"),
            "problem": _("not working"),
            "off": _("off"),
        }
        return words[self.state]
