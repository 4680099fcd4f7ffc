"""All kinds of alerts. A new one is a file beside this one and an entry here."""

from . import silence
from .kind import Kind

KINDS: tuple[Kind, ...] = (silence.KIND,)
BY_WORD: dict[str, Kind] = {kind.word: kind for kind in KINDS}
