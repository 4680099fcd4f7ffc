"""Which of several beats holds the schedule, and what was rung for when.

The holder writes down what it rings for before it rings, in the same statement that proves that it still holds the
schedule. So whoever lost the schedule, also to a database that he cannot reach, rings for nothing more, and his
successor knows what is due. Who dies between the two leaves one thing unrung until its next turn.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from django.db import DatabaseError, InterfaceError, transaction

from devices.leases import holding
from devices.leases.models import LeaseKind
from photohub.lib.database.db import tidy
from photohub.lib.log.throttling import Seldom

log = logging.getLogger(__name__)

NAME = "schedule"
TTL_S = 10.0
LOOK_EVERY_S = 2.0
_RELEASED_WITHIN_S = 3.0
_said = Seldom()


class Hold:
    """One beat's part in it. Everything here may be called again and again, and raises nothing."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.process = holding.Process()
        self.is_ours = False
        self._now_s = now_s
        self._watch = holding.Watch(TTL_S, now_s)
        self._looked_s: float | None = None
        # When each thing was rung for last, by our own clock and by the database's.
        self._rung_s: dict[str, float] = {}
        self._rung_at: dict[str, float] = {}

    def keep(self) -> bool:
        """Renew the schedule, or take it when its holder died. Returns whether it is ours; False when nobody can tell."""
        if self.is_ours and self._looked_s is not None and self._now_s() - self._looked_s < LOOK_EVERY_S:
            return True
        held = self._ask(self._keep)
        if held and not self.is_ours:
            log.info("This beat (%s) holds the schedule.", self.process.place)
        self.is_ours = bool(held)
        return self.is_ours

    def note_rung(self, name: str) -> bool:
        """Write down that this is rung for now. Returns whether the schedule is ours, so that it may be."""
        self.is_ours = bool(self._ask(self._note_rung, name))
        return self.is_ours

    def age_s(self, name: str) -> float | None:
        """Return how long ago this was rung for, by whomever; None when nobody knows."""
        rung_s = self._rung_s.get(name)
        return None if rung_s is None else self._now_s() - rung_s

    def release(self) -> None:
        """Let another beat go on at once. In a thread of its own: a signal may have come amid a statement of ours."""
        thread = threading.Thread(target=self._ask, args=(self._release,), daemon=True)
        thread.start()
        thread.join(_RELEASED_WITHIN_S)
        self.is_ours = False

    @property
    def _waiting(self) -> str:
        return f"beat {self.process.word}"

    def _keep(self) -> bool:
        if holding.renew(NAME, self.process, TTL_S):
            self._looked_s = self._now_s()
            return True
        holding.make(NAME, LeaseKind.SCHEDULE)
        [seen] = holding.read(pk=NAME)
        self._learn(seen)
        lives = self._watch.live([seen])
        self._looked_s = self._now_s()
        if not lives and holding.take(seen, self.process, TTL_S):
            holding.drop(self._waiting, self.process)
            holding.drop_old(LeaseKind.BEAT)
            return True
        self._wait()
        return False

    def _wait(self) -> None:
        """Say that we wait, for the status page."""
        if not holding.renew(self._waiting, self.process, TTL_S):
            holding.make(self._waiting, LeaseKind.BEAT)
            for seen in holding.read(pk=self._waiting, holder=""):
                holding.take(seen, self.process, TTL_S)

    def _learn(self, seen: holding.Seen) -> None:
        """Learn from the row what was rung for, and when by our own clock: now, when we see that it is news."""
        now_s, at = self._now_s(), seen.now.timestamp()
        is_first = self._looked_s is None
        for name, rung_at in seen.row.facts.get("rung", {}).items():
            if self._rung_at.get(name) == rung_at:
                continue
            # At the first look only the database's clock can tell. What it rang for in the future is due.
            age_s = at - rung_at if is_first else 0.0
            self._rung_at[name] = rung_at
            if age_s >= 0:
                self._rung_s[name] = now_s - age_s

    def _note_rung(self, name: str) -> bool:
        with transaction.atomic():
            # First, so that the row is locked: whoever takes the schedule meanwhile waits, or has it already.
            if not holding.renew(NAME, self.process, TTL_S):
                return False
            [seen] = holding.read(pk=NAME)
            self._rung_at[name] = seen.now.timestamp()
            holding.renew(NAME, self.process, TTL_S, facts=seen.row.facts | {"rung": self._rung_at})
        self._rung_s[name] = self._looked_s = self._now_s()
        return True

    def forget_others(self, names: Iterable[str]) -> None:
        """Keep nothing of what is in the schedule no more."""
        kept = set(names)
        self._rung_at = {name: at for name, at in self._rung_at.items() if name in kept}

    def _release(self) -> bool:
        holding.give_back(NAME, self.process)
        holding.drop(self._waiting, self.process)
        return True

    def _ask(self, function: Callable[..., bool], *args: object) -> bool | None:
        try:
            return tidy(function, *args)
        except (DatabaseError, InterfaceError) as error:
            if count := _said.count("away"):
                log.warning(
                    "The schedule stands still: the database does not say whose it is (%s, %d times).",
                    type(error).__name__,
                    count,
                )
            return None
