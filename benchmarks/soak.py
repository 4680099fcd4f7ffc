"""The long form of tests/faults: hours of uploads, one random fault after the other, and a ledger at the end.

    .venv/bin/python -m benchmarks.soak --minutes 720 --per-second 15 --fault-every-s 60

Prints one line a fault with what the hub's process holds, and at the end one JSON object. Ends with an error
when anything answered is lost, changed or stored twice, when the mirror does not become whole, or when
memory, files or threads grew by more than a tenth from the first to the last quarter. Needs room in TMPDIR.
"""

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fakes.oss_server import FakeOSS
from tests.faults.hub import check, hub_with_camera, incoming, mirror_states, wait_until
from tests.faults.ledger import Ledger
from tests.hub_process import HubProcess

_GROWTH_AT_MOST = 1.1
_POINTS = (
    "ingest.synced",
    "ingest.renamed",
    "ingest.inserted",
    "ingest.committed",
    "mirror.put",
    "thumbnail.written",
)


@dataclass(frozen=True)
class Sample:
    """What the hub's process holds at one moment, and how long it has run."""

    uptime_s: float
    rss_mb: float
    files: int
    threads: int


def take_sample(hub: HubProcess, started_s: float) -> Sample:
    status = Path(f"/proc/{hub.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return Sample(
        round(time.monotonic() - started_s, 1),
        round(int(fields["VmRSS"].split()[0]) / 1024, 1),
        len(os.listdir(f"/proc/{hub.pid}/fd")),
        int(fields["Threads"]),
    )


class Soak:
    """One hub, one fake OSS, one camera, and dice."""

    def __init__(self, hub: HubProcess, ledger: Ledger, oss: FakeOSS, seed: int, restarts: bool) -> None:
        self.hub, self.ledger, self.oss = hub, ledger, oss
        self.dice = random.Random(seed)
        self.samples: list[Sample] = []
        self.started_s = time.monotonic()
        network: list[Callable[[], None]] = [self.refuse, self.hang, self.lie, self.vanish, self.deny]
        self.faults = network + ([self.kill, self.kill_at_a_point, self.stop] if restarts else [])

    def kill(self) -> None:
        self.hub.kill()
        self._start()

    def kill_at_a_point(self) -> None:
        self.hub.stop()
        self.hub.launch(PHOTOHUB_FAIL=f"{self.dice.choice(_POINTS)}:kill@{self.dice.randrange(1, 50)}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.hub.wait_ended(60)
        self.kill()

    def stop(self) -> None:
        self.hub.stop()
        self._start()

    def refuse(self) -> None:
        self.oss.fail(status=503, times=self.dice.randrange(1, 100))

    def deny(self) -> None:
        self.oss.fail(status=403, code="InvalidAccessKeyId", times=self.dice.randrange(1, 5))

    def hang(self) -> None:
        self.oss.hang(times=self.dice.randrange(1, 4))

    def lie(self) -> None:
        self.oss.wrong_crc(times=self.dice.randrange(1, 10))
        self.oss.accept_then_drop(times=self.dice.randrange(1, 10))

    def vanish(self) -> None:
        self.oss.stop()
        time.sleep(self.dice.uniform(1, 20))
        self.oss.start()

    def _start(self) -> None:
        self.hub.start()
        self.started_s = time.monotonic()

    def run(self, minutes: float, fault_every_s: float) -> None:
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            time.sleep(min(fault_every_s, max(0.0, end - time.monotonic())))
            self.samples.append(sample := take_sample(self.hub, self.started_s))
            fault = self.dice.choice(self.faults)
            print(
                f"{len(self.ledger.entries):8} uploads  {asdict(sample)}  then: {fault.__name__}", flush=True
            )
            fault()
            self.drop_equal_copies()

    def drop_equal_copies(self) -> None:
        """Check the copies in the fake OSS and forget them, since it holds them in memory."""
        prefix = "photohub/"
        for key, copy in list(self.oss.objects.items()):
            local = self.hub.data / "pictures" / key.removeprefix(prefix)
            assert copy.body == local.read_bytes(), f"The mirror holds other bytes under {key}."
            self.oss.objects.pop(key, None)

    def growth(self) -> dict[str, float]:
        """Return the last quarter's median over the first's, of processes that ran for a while."""
        grown = [s for s in self.samples if s.uptime_s > 30]
        quarter = len(grown) // 4
        if not quarter:
            return {}
        names = ("rss_mb", "files", "threads")
        return {name: _ratio([getattr(s, name) for s in grown], quarter) for name in names}

    def finish(self) -> dict[str, object]:
        """Heal everything, wait for the mirror, compare ledger and hub."""
        self.oss.heal()
        wait_until(lambda: mirror_states(self.hub).keys() == {"mirrored"}, 600, "the mirror is whole")
        self.drop_equal_copies()
        orphans = check(self.hub, self.ledger)
        outcomes = {outcome: self.ledger.count(outcome) for outcome in ("ok", "no", "unknown")}
        left = {"files_without_row": len(orphans), "temporary_files": len(incoming(self.hub))}
        return {**outcomes, "p99_s": round(self.ledger.p99_s(), 3), **left, "growth": self.growth()}


def _ratio(values: list[float], quarter: int) -> float:
    return round(statistics.median(values[-quarter:]) / statistics.median(values[:quarter]), 3)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--per-second", type=float, default=15)
    parser.add_argument("--size-bytes", type=int, default=60_000)
    parser.add_argument("--fault-every-s", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-restarts", action="store_true", help="only mirror faults: shows leaks")
    options = parser.parse_args()
    with FakeOSS() as oss, hub_with_camera(env=oss.settings()) as (hub, ledger):
        ledger.keeps_data = False
        soak = Soak(hub, ledger, oss, options.seed, not options.no_restarts)
        with ledger.load(8, options.size_bytes, options.per_second):
            soak.run(options.minutes, options.fault_every_s)
        result = soak.finish()
    print(json.dumps(result))
    return int(any(ratio > _GROWTH_AT_MOST for ratio in result["growth"].values()))


if __name__ == "__main__":
    sys.exit(main())
