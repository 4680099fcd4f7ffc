"""What is sent to somebody, before it is known how; and why it was not sent."""

from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.translation import gettext_noop

from photohub.lib.pages.sentences import Said, said

Tone = Literal["problem", "over", "news"]

# What every channel says in these words. `host` and `why` hold no secret.
ANSWERED = gettext_noop("%(host)s answered %(status)s: %(text)s")
ANSWERED_NOTHING = gettext_noop("%(host)s answered %(status)s.")


@dataclass(frozen=True)
class Picture:
    """A picture that goes along: small enough for a mail."""

    data: bytes = field(repr=False)
    content_type: str = "image/jpeg"
    name: str = "picture.jpg"


@dataclass(frozen=True)
class Letter:
    """One message in the reader's language. `id` stays the same when it is sent again; `facts` are for programs."""

    id: str
    title: str
    text: str
    link: str
    tone: Tone = "news"
    facts: dict[str, Any] = field(default_factory=dict)
    picture: Picture | None = None
    # The hub's own paths, for a browser that knows the hub.
    path: str = "/"
    image_path: str = ""


class NotSent(Exception):
    """The other side did not take it. `permanent`: nor will it take it later, until somebody changes something."""

    def __init__(self, why: Said, permanent: bool = False) -> None:
        super().__init__(str(why))
        self.said, self.permanent = why, permanent


def answered(host: str, status: int, text: str) -> Said:
    """Say what the other side answered."""
    short = " ".join(text.split())[:160]
    if not short:
        return said(ANSWERED_NOTHING, host=host, status=status)
    return said(ANSWERED, host=host, status=status, text=short)
