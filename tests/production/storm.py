"""Machines and processes of a hub that are killed again and again under load, and what must be true of it meanwhile and after.

Each machine has a camera that uploads to it; one camera uploads through the balancer, and one sends files over MQTT.
"""

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

from tests.faults.ledger import Ledger, compare_at
from tests.production.cluster import Cluster, Machine
from tests.production.ledgers import MqttLedger
from tests.production.stack import wait_for

# What one kill ends: a whole machine as often as any of its processes, now and then what all machines share.
KINDS = ("machine", "web", "worker", "gateway")
SHARED = ("beat", "mosquitto", "redis", "postgres")
SHARED_EACH = 10
# The ledgers are compared after so many, so that a fault is seen not long after it happened.
STAGE = 25
# Long, because a machine that others use too may be many times slower; what is there is seen at once.
_WITHIN_S = 300.0
_COPIED_WITHIN_S = 600.0


class Storm:
    """The cameras' ledgers, and the kills so far by what was killed."""

    def __init__(self, cluster: Cluster, dice: random.Random) -> None:
        self.cluster, self.dice = cluster, dice
        self.kills: Counter[str] = Counter()
        self.own = {m.name: self._camera(f"storm-{m.name}", m.url) for m in cluster.machines}
        self.balanced = self._camera("storm-any", cluster.url)
        self.mqtt = MqttLedger(cluster, "storm-mqtt")
        self.mqtt.answered_within_s = 60.0
        self.ledgers: list[Ledger] = [*self.own.values(), self.balanced, self.mqtt]
        for ledger in self.ledgers:
            ledger.keeps_data = False

    def _camera(self, code: str, url: str) -> Ledger:
        return Ledger(url, self.cluster.add_device(code)["key"], prefix=code)

    @contextlib.contextmanager
    def load(self, per_second: float = 4) -> Iterator[None]:
        with contextlib.ExitStack() as stacked:
            for ledger in self.ledgers:
                stacked.enter_context(ledger.load(senders=2, per_second=per_second))
            yield

    def rage(self, kills: int) -> None:
        """Kill so often, one after the other, each at a random moment of the load, and compare the ledgers now and then."""
        began_s = time.monotonic()
        while self.kills.total() < kills:
            with self.load():
                for _ in range(min(STAGE, kills - self.kills.total())):
                    self._kill_next()
                self.mqtt.wait_for(1, within_s=_WITHIN_S)
            self._compare()
            outcomes = Counter(entry.outcome for ledger in self.ledgers for entry in ledger.entries)
            told = f"{self.kills.total()} kills in {time.monotonic() - began_s:.0f} s: {dict(self.kills)}"
            print(f"{told}; uploads: {dict(outcomes)}", flush=True)

    def _kill_next(self) -> None:
        if self.kills.total() % SHARED_EACH == SHARED_EACH - 1:
            self._kill_shared(self.dice.choice(SHARED))
        else:
            self._kill_one(self.dice.choice(self.cluster.machines), self.dice.choice(KINDS))

    def _kill_one(self, machine: Machine, kind: str) -> None:
        ledger = self.own[machine.name]
        ledger.wait_for(self.dice.randrange(1, 6), within_s=_WITHIN_S)
        self.kills[kind] += 1
        if kind == "machine":
            # From here on it alone has some, so that they are away while it is.
            self.cluster.oss.fail(times=None, method="PUT")
            ledger.wait_for(2, within_s=_WITHIN_S)
            self.cluster.kill(machine)
            self._look_through_others(machine, ledger)
            self.cluster.oss.heal()
            self.cluster.start(machine)
            return
        self.cluster.end(machine.processes, signal.SIGKILL, kind)
        self.cluster.start_one(machine, kind)
        self.cluster.wait_ready(machine)

    def _kill_shared(self, name: str) -> None:
        self.balanced.wait_for(2, within_s=_WITHIN_S)
        self.kills[name] += 1
        if name == "postgres":
            self.cluster.database.stop(signal.SIGKILL)
            self.cluster.database.start()
        else:
            self.cluster.end(self.cluster.shared, signal.SIGKILL, name)
            self.cluster.start_shared(name)
        self.balanced.wait_for(1, within_s=_WITHIN_S)

    def _look_through_others(self, dead: Machine, ledger: Ledger) -> None:
        """What the dead machine answered for is shown by the others, or away with its name: never missing."""
        newest = [entry.answer["id"] for entry in ledger.entries[-20:] if entry.outcome == "ok"][-2:]
        for machine in self.cluster.machines:
            for id in newest if machine is not dead else ():
                status, body = self.cluster.look(machine, id)
                assert status == 200 or (status == 503 and f"on the machine {dead.name}".encode() in body), (
                    f"{machine.name} answered {status} for a picture of {dead.name}: {body[:300]!r}"
                )

    # --- the end

    def check(self) -> None:
        """All answered is stored once; what nobody answered is taken when it is sent again; all is copied and seen everywhere."""
        self._compare()
        for ledger in self.ledgers:
            self._send_again(ledger)
        self._compare()
        for ledger in self.ledgers:
            code = code_of(ledger)
            wait_for(f"{code} is copied", lambda code=code: self._is_copied(code), _COPIED_WITHIN_S)
            ids = [str(row["id"]) for row in self.cluster.pictures_of(code)]
            for id in self.dice.sample(ids, min(4, len(ids))):
                assert {self.cluster.look(machine, id)[0] for machine in self.cluster.machines} == {200}

    def _send_again(self, ledger: Ledger) -> None:
        for entry in [e for e in ledger.entries if e.outcome == "unknown"]:
            # Nobody said of it that it was stored: at most what comes next.
            wait_for(
                f"{entry.name} is taken", lambda e=entry: ledger.send_now(e)[0].outcome == "ok", _WITHIN_S
            )

    def _compare(self) -> None:
        for ledger in self.ledgers:
            compare_at(ledger, self.cluster.pictures_of(code_of(ledger)), self.cluster.path_of)

    def _is_copied(self, code: str) -> bool:
        return {row["state"] for row in self.cluster.pictures_of(code)} <= {"mirrored"}


def code_of(ledger: Ledger) -> str:
    return ledger.entries[0].name.rpartition("-")[0]
