"""A process that works on the same cameras, commands and pictures as its twin, in another order, with all its threads.

    python -m tests.production.same_rows <seed> <rounds>

Prints one JSON line: how many of its pictures came to what, and the errors of all others. Every round begins with a
line from its standard input, so that both processes are at the same round.
"""

import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
django.setup()

from django.db import connection  # noqa: E402

from devices import commands, deliveries, presence  # noqa: E402
from devices.models import Command, Device  # noqa: E402
from devices.sightings import sightings  # noqa: E402
from media_pipeline import deleting, labels, mirror, publish, store, thumbnails  # noqa: E402
from media_pipeline.ingest import ingest_batch  # noqa: E402
from media_pipeline.models import Capture  # noqa: E402
from media_pipeline.stores import MirrorError, PutResult  # noqa: E402
from tests.builders import make_device, make_jpeg, make_upload  # noqa: E402

CAMERAS = "twin-"


class Twin:
    """One of the two processes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._devices = list(Device.objects.filter(code__startswith=CAMERAS).order_by("pk"))
        self.outcomes: Counter[str] = Counter()

    def round(self, number: int) -> None:
        """Do everything that changes several rows, all at once."""
        works = [
            lambda: self._store(number),
            lambda: self._store(number),
            lambda: self._report(number),
            self._answer_or_expire,
            self._copy,
            self._look_after,
        ]
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.outcomes[f"{type(error).__name__}: {error}"[:200]] += 1
        finally:
            connection.close()

    def _shuffled(self) -> list[Device]:
        return self._random.sample(self._devices, len(self._devices))

    def _store(self, number: int) -> None:
        """Store the pictures of this round, which the twin stores too, some of them under awaited names."""
        awaited = dict(Command.objects.not_ended().values_list("device_id", "name"))
        uploads = []
        for device in self._shuffled():
            name = awaited.get(device.pk, f"round {number}")
            said = {"battery_mv": str(self._random.randint(3000, 4000)), "firmware_version": str(number)}
            uploads.append(make_upload(device, PICTURE, name=name, telemetry=said, sent_from="10.0.0.7"))
        for outcome in ingest_batch(uploads):
            self.outcomes[getattr(outcome, "word", "stored")] += 1
        sightings.write()

    def _report(self, number: int) -> None:
        presence.heard_all(self._shuffled())
        presence.doubt_links()
        presence.connected(self._random.choice(self._devices))
        presence.forget_links()
        deliveries.note_all_delivered([])

    def _answer_or_expire(self) -> None:
        commands.capture_many(self._shuffled()[:5], timeout_s=1)
        commands.note_all_sent(commands.claim_to_send())
        commands.expire_due()

    def _some(self) -> list[Capture]:
        newest = list(Capture.objects.filter(device__in=self._devices).select_related("device")[:60])
        return self._random.sample(newest, min(20, len(newest)))

    def _copy(self) -> None:
        claimed = mirror._claim([capture.pk for capture in self._some()])
        self._random.shuffle(claimed)
        broken = MirrorError("The key is wrong.", "auth", False, True)
        for row in claimed[:2]:
            mirror._record_failure(row, broken)
        mirror._record_success([(row, PutResult("etag", None, 1)) for row in claimed[2:]])
        mirror.retry_failed()

    def _look_after(self) -> None:
        thumbnails.make_together(self._some()[:4])
        publish.note_all_published(self._some())
        labels.set_kept(self._some(), False)
        deleting.delete_unkept(self._some()[:3])


PICTURE = make_jpeg()


def make(count: int) -> None:
    """Add the cameras."""
    for number in range(count):
        make_device(f"{CAMERAS}{number}")


def main(seed: str, rounds: str) -> None:
    """Run so many rounds and print what came of them."""
    store.make_folders()
    twin = Twin(int(seed))
    print("ready", flush=True)
    for number in range(int(rounds)):
        sys.stdin.readline()
        twin.round(number)
        print(number, flush=True)
    print(json.dumps(twin.outcomes), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
