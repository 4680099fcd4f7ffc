"""What one of two processes does that work on the same cameras, commands and pictures, with all their threads.

Run in the stack's environment, by a console for each of them: `begin(seed)`, then `work(number)` at the same time in
both, then `say_outcomes()`.
"""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable

from django.db import connection

from devices.commands import queue as commands
from devices.commands.models import Command
from devices.panels.deliveries import queue as deliveries
from devices.registry import presence
from devices.registry.models import Device
from devices.registry.sightings import sightings
from media_pipeline.captures import labels, thumbnails
from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import ingest, ingest_batch
from media_pipeline.links import publish
from media_pipeline.maintenance import deleting
from media_pipeline.mirror import copying, waking
from media_pipeline.mirror.stores import MirrorError, PutResult
from media_pipeline.picture_files import store
from tests.builders import make_device, make_jpeg, make_upload

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
        claimed = copying._claim([capture.pk for capture in self._some()])
        self._random.shuffle(claimed)
        broken = MirrorError("The key is wrong.", "auth", False, True)
        for row in claimed[:2]:
            copying._record_failure(row, broken)
        copying._record_success([(row, PutResult("etag", None, 1)) for row in claimed[2:]])
        waking.retry_failed()

    def _look_after(self) -> None:
        thumbnails.make_together(self._some()[:4])
        publish.note_all_published(self._some())
        labels.set_kept(self._some(), False)
        deleting.delete_unkept(self._some()[:3])


PICTURE = make_jpeg()
_twins: list[Twin] = []


def make(count: int) -> None:
    """Add the cameras."""
    for number in range(count):
        make_device(f"{CAMERAS}{number}")


def begin(seed: int) -> None:
    """Become one of the two processes."""
    store.make_folders()
    _twins.append(Twin(seed))


def work(number: int) -> None:
    """Do everything once."""
    _twins[-1].round(number)


def say_outcomes() -> None:
    """Print as JSON how many of its pictures came to what, and the errors of all else."""
    print(json.dumps(_twins[-1].outcomes))


def hear(number: int) -> str:
    """Store a picture that the twin hears as well, each under a name of its own, while its camera moves."""
    [device] = Device.objects.filter(code=f"{CAMERAS}0")
    picture = make_jpeg(text=f"moved {number}")
    name = f"{number} heard by {os.getpid()}"
    receipt = ingest(make_upload(device, picture, name=name, moves=lambda: True))
    return str(receipt.id)
