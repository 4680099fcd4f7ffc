"""Pictures that several indexes have: at each step the index that gets furthest is looked at.

So a list by two filters costs no more than by the rarer one, and where one has nothing for a while, it leads past what the
other has there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .sources import Index, Place, Source, Span, sizes


class _Passing:
    """A source that cannot begin anywhere, and goes through its parts once."""

    def __init__(self, source: Source, span: Span) -> None:
        self._parts = source.parts(span)

    def part(self, span: Span, size: int) -> tuple[list[Place], bool]:
        part = next(self._parts, None)
        if part is None or span.place is None:
            return part or [], part is None
        return [place for place in part if _is_further(place, span.place, span)], False


def _is_further(place: Place, other: Place, span: Span) -> bool:
    return place > other if span.newer else place < other


@dataclass(frozen=True)
class AllOf:
    """What all of these may have together: the places of one of them up to where its part ends, then of the next."""

    sources: list[Source]

    def parts(self, span: Span) -> Iterator[list[Place]]:
        turns = [each if isinstance(each, Index) else _Passing(each, span) for each in self.sources]
        for size in sizes():
            part, is_last = self._furthest(turns, span, size)
            if part:
                yield part
                span = span.beyond(part[-1])
            if is_last:
                return

    @staticmethod
    def _furthest(turns: Sequence[Index], span: Span, size: int) -> tuple[list[Place], bool]:
        """Return the part of the index with the fewest here; the last one is followed by nothing that all have."""
        best: list[Place] = []
        for turn in turns:
            part, is_last = turn.part(span, size)
            if is_last:
                return part, True
            if part and (not best or _is_further(part[-1], best[-1], span)):
                best = part
        return best, False
