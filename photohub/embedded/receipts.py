"""What becomes of the messages that devices publish: acknowledged when they are durable, known when they come again.

A board repeats what was not acknowledged: with the DUP flag and the same packet id, on the same connection after a
second or on a new one. So what an account published lately is remembered by packet id and bytes: what is still under
way is not handed in twice, and what was kept is acknowledged again and not handed in at all.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

UNDER_WAY_AT_MOST = 32
UNDER_WAY_AT_MOST_BYTES = 16 * 2**20
TOTAL_AT_MOST_BYTES = 64 * 2**20
# Messages up to this size pass also while pictures of other devices take all there is; of these there may be so much more.
SMALL_BYTES = 16 * 2**10
SMALL_MORE_BYTES = 32 * 2**20
REMEMBERED = 64


class Outcome(Enum):
    """Where a message stands."""

    UNDER_WAY = "under way"
    KEPT = "kept"
    REFUSED = "refused"


class Receipt:
    """One message on its way to the hub. It is settled once; `answered`: its sender was told that it is kept."""

    __slots__ = ("_tell", "answered", "outcome")

    def __init__(self, outcome: Outcome = Outcome.UNDER_WAY) -> None:
        self.outcome = outcome
        self.answered = False
        self._tell: list[Callable[[], object]] = []

    @property
    def is_good(self) -> bool:
        """Tell whether the message is kept, or may still be."""
        return self.outcome is not Outcome.REFUSED

    def settle(self, outcome: Outcome) -> None:
        """Say what became of the message; only the first word counts."""
        if self.outcome is not Outcome.UNDER_WAY:
            return
        self.outcome = outcome
        waiting, self._tell = self._tell, []
        for tell in waiting:
            tell()

    def when_settled(self, tell: Callable[[], object]) -> None:
        """Call `tell` once it is settled, which may be now."""
        if self.outcome is Outcome.UNDER_WAY:
            self._tell.append(tell)
        else:
            tell()


class Published:
    """What one account published lately, over all its connections."""

    def __init__(self) -> None:
        self.under_way = 0
        self.under_way_bytes = 0
        self._known: OrderedDict[tuple[int, int], tuple[str, Receipt]] = OrderedDict()

    def find(self, sender: str, packet_id: int, digest: int, dup: bool) -> Receipt | None:
        """Return the receipt of the same message; None when this is a new one, or one that was refused before.

        Without the DUP flag it is the same only while it is under way on the same client's session: packet ids are
        used again, and a device may say the same twice.
        """
        known_sender, receipt = self._known.get((packet_id, digest), ("", None))
        if receipt is None or not receipt.is_good:
            return None
        if dup or (receipt.outcome is Outcome.UNDER_WAY and sender == known_sender):
            return receipt
        return None

    def is_unanswered(self, sender: str, packet_id: int, digest: int) -> bool:
        """Tell whether this client published the same and was not told success.

        Some repeat it on a new connection without the DUP flag. Unlike with the flag it may be a new message.
        """
        known_sender, receipt = self._known.get((packet_id, digest), ("", None))
        return receipt is not None and not receipt.answered and sender == known_sender

    def remember(self, sender: str, packet_id: int, digest: int, receipt: Receipt) -> None:
        """Note a message that has a packet id."""
        self._known[packet_id, digest] = (sender, receipt)
        self._known.move_to_end((packet_id, digest))
        if len(self._known) > REMEMBERED:
            settled = (key for key, (_, old) in self._known.items() if old.outcome is not Outcome.UNDER_WAY)
            if (oldest := next(settled, None)) is not None:
                del self._known[oldest]


class Room:
    """How much may be under way to the hub, of one account and in all."""

    def __init__(self) -> None:
        self.under_way_bytes = 0
        self._freed = asyncio.Event()

    async def wait(self, published: Published, size_bytes: int, patience_s: float) -> None:
        """Hold a publisher back while there is no room for its message; raises TimeoutError."""
        if self._has_room(published, size_bytes):
            return
        async with asyncio.timeout(patience_s):
            while not self._has_room(published, size_bytes):
                self._freed.clear()
                await self._freed.wait()

    def enter(self, published: Published, size_bytes: int, receipt: Receipt) -> None:
        """Count a message until its receipt is settled."""
        self._count(published, 1, size_bytes)
        receipt.when_settled(lambda: self._count(published, -1, -size_bytes))

    def _count(self, published: Published, messages: int, size_bytes: int) -> None:
        published.under_way += messages
        published.under_way_bytes += size_bytes
        self.under_way_bytes += size_bytes
        self._freed.set()

    def _has_room(self, published: Published, size_bytes: int) -> bool:
        if not published.under_way:
            own = True
        else:
            own_bytes = published.under_way_bytes + size_bytes
            own = published.under_way < UNDER_WAY_AT_MOST and own_bytes <= UNDER_WAY_AT_MOST_BYTES
        limit = TOTAL_AT_MOST_BYTES + (SMALL_MORE_BYTES if size_bytes <= SMALL_BYTES else 0)
        return own and self.under_way_bytes + size_bytes <= limit
