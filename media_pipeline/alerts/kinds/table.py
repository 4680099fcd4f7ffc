"""All kinds of alerts. A new one is a file beside this one and an entry here."""

from . import battery, hub, logins, pictures, schedules, silence
from .kind import Kind

KINDS: tuple[Kind, ...] = (
    silence.KIND,
    schedules.KIND,
    pictures.KIND,
    battery.KIND,
    logins.KIND,
    hub.TROUBLES,
    hub.ROLLOUTS,
)
BY_WORD: dict[str, Kind] = {kind.word: kind for kind in KINDS}
