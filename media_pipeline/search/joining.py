"""Pictures that several indexes have: at each step the index that gets furthest is looked at.

So a list by two filters costs little more than by the rarer one, and where one has nothing for a while, it leads past what
the other has there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .sources import Index, Place, Source, Span, sizes

_SITS_OUT_AT_MOST = 16


class _Turn:
    """A source's turns: it sits out the longer, the more often another one got further."""

    def __init__(self, source: Source) -> None:
        self._source, self._parts = source, iter(())
        self._at: Span | None = None
        self._lost, self._waits = 0, 0

    def is_due(self) -> bool:
        self._waits -= 1
        return self._waits < 0

    def end(self, won: bool) -> None:
        self._lost = 0 if won else self._lost + 1
        self._waits = 0 if won else min((1 << self._lost) - 1, _SITS_OUT_AT_MOST)

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]:
        """Return the next places within, and whether these were the last."""
        if isinstance(self._source, Index):
            return self._source.part(span, size)
        if span != self._at:
            self._parts = self._source.parts(span)
        # What is looked through may have a part of nothing.
        part = next((part for part in self._parts if part), None)
        if part is None:
            return [], True
        self._at = span.beyond(part[-1])
        return part, False


@dataclass(frozen=True)
class AllOf:
    """What all of these may have together: the places of one of them up to where its part ends, then of the next."""

    sources: list[Source]

    def parts(self, span: Span) -> Iterator[list[Place]]:
        turns = [_Turn(source) for source in self.sources]
        for size in sizes():
            part, is_last = self._furthest(turns, span, size)
            if part:
                yield part
                span = span.beyond(part[-1])
            if is_last:
                return

    @staticmethod
    def _furthest(turns: list[_Turn], span: Span, size: int) -> tuple[list[Place], bool]:
        """Return the part of the source with the fewest here; the last one is followed by nothing that all have."""
        best: list[Place] = []
        winner, asked = None, [turn for turn in turns if turn.is_due()]
        for turn in asked:
            part, is_last = turn.part(span, size)
            if is_last:
                return part, True
            if part and (not best or _is_further(part[-1], best[-1], span)):
                best, winner = part, turn
        for turn in asked:
            turn.end(turn is winner)
        return best, False


def _is_further(place: Place, other: Place, span: Span) -> bool:
    return place > other if span.newer else place < other
