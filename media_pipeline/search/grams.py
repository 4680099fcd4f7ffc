"""Texts cut into pieces of one to five letters: the one tokenizer of both databases, for every script.

Words would not do: Chinese has no spaces between them, and people look for the middle of a file's name. A text can hold
another only where it has all of its pieces. Each piece is a number of 32 bits; two that share one cost a look in vain.
"""

from collections.abc import Iterable
from zlib import crc32

LENGTHS = (1, 2, 3, 5)
_WANTED_AT_MOST = 8
_HALF = 1 << 31


def fold_case(text: str) -> str:
    """Return the text as letters that no database tells apart by their case."""
    # Both steps: a dotless i is a capital I to PostgreSQL, as the one with a dot is.
    return text.upper().casefold()


def grams_of(texts: Iterable[str]) -> set[int]:
    """Return the pieces of these texts, as signed numbers of 32 bits."""
    pieces: set[str] = set()
    for text in texts:
        folded = fold_case(text)
        for length in LENGTHS:
            pieces.update(folded[n : n + length] for n in range(len(folded) - length + 1))
    return {_number(piece) for piece in pieces}


def wanted_of(text: str) -> list[int]:
    """Return pieces that whatever holds this text must have: the longest that fit into it, not more than eight."""
    folded = fold_case(text)
    length = max((length for length in LENGTHS if length <= len(folded)), default=0)
    if not length:
        return []
    pieces = dict.fromkeys(folded[n : n + length] for n in range(len(folded) - length + 1))
    step = -(-len(pieces) // _WANTED_AT_MOST)
    return [_number(piece) for piece in [*pieces][::step]]


def _number(piece: str) -> int:
    return crc32(piece.encode("utf-8", "surrogatepass")) - _HALF
