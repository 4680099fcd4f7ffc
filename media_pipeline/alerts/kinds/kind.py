"""What a kind of alert is: its words, what it asks for, and how it finds what begins and what is over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from media_pipeline.alerts.models import AlertRule
from photohub.lib.pages.form_fields import Words

Find = Callable[[list[AlertRule]], object]


@dataclass(frozen=True)
class Threshold:
    """A figure that people choose. `per` is the unit on the page: so many seconds, or one percent, each."""

    label: Words
    help: Words
    default: int
    bounds: tuple[int, int]
    per: int = 1


def _nothing(_rules: list[AlertRule], _within_s: float) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """One kind. `find` looks once for all rules of the kind: it calls `queue.begin` and `queue.finish`.

    `about` says whose right is asked: to see the device, to look after the hub, or to be that very person.
    `waits` tells whether time alone makes something due within so many seconds.
    """

    word: str
    label: Words
    hint: Words
    icon: str
    about: Literal["device", "hub", "person"]
    find: Find
    began_title: str
    over_title: str = ""
    waits: Callable[[list[AlertRule], float], bool] = _nothing
    threshold: Threshold | None = None
    is_of_pictures: bool = False
