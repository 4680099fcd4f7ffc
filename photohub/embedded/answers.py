"""The acknowledgements that one connection owes its client: sent when the message is kept, never before."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from photohub.embedded.receipts import Outcome, Receipt
from photohub.lib.pages.sentences import Said, said

# Some boards repeat after a second what was not acknowledged, others only on a new connection.
AGAIN_WITHIN_S = 30.0


class Answer(NamedTuple):
    """An acknowledgement that waits for its message to be kept."""

    receipt: Receipt
    packet_id: int
    packet: bytes


class Answers:
    """`send` is given each packet that is due; `end` is told when the client does not repeat what could not be kept."""

    def __init__(self, send: Callable[[bytes], None], end: Callable[[Said], None]) -> None:
        self._send = send
        self._end = end
        self._owed: deque[Answer] = deque()
        self._unkept: set[int] = set()
        self._patience: asyncio.TimerHandle | None = None

    def send_when_kept(self, receipt: Receipt, packet_id: int, packet: bytes) -> None:
        """Send the packet once the message is kept; for one that is asked for twice before, one answer is enough."""
        answer = Answer(receipt, packet_id, packet)
        if answer not in self._owed:
            self._owed.append(answer)
            receipt.when_settled(self._send_due)

    def note_repeated(self, packet_id: int) -> None:
        """Note that the client publishes with this packet id, perhaps what could not be kept before."""
        self._unkept.discard(packet_id)
        if not self._unkept:
            self._forget_patience()

    def stop(self) -> None:
        """Send nothing more: the connection is over."""
        self._owed.clear()
        self._forget_patience()

    def _send_due(self) -> None:
        """Send in the order of the publishes (MQTT-4.6.0-2), and leave out those that were refused."""
        while self._owed and self._owed[0].receipt.outcome is not Outcome.UNDER_WAY:
            answer = self._owed.popleft()
            if answer.receipt.outcome is Outcome.KEPT:
                answer.receipt.answered = True
                self._send(answer.packet)
            else:
                self._expect_again(answer.packet_id)

    def _expect_again(self, packet_id: int) -> None:
        self._unkept.add(packet_id)
        if self._patience is None:
            reason = said("a message could not be stored and was not sent again")
            self._patience = asyncio.get_running_loop().call_later(AGAIN_WITHIN_S, self._end, reason)

    def _forget_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
