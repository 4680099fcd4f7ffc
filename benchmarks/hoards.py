"""Upkeep of large tables, in a process of its own inside a hub: `python -m benchmarks.hoards '{"job": …}'`.

Rows are multiplied by SQL, so that a million takes seconds. Beside the time of a job stands its longest transaction,
from the moment when it may write to its commit: so long does an upload wait for it at most.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.measuring import time_ms  # noqa: E402
from devices.access.models import DeviceRemoval  # noqa: E402
from devices.events import record as events  # noqa: E402
from devices.events.models import Event  # noqa: E402
from devices.registry import removing  # noqa: E402
from devices.registry.models import Device  # noqa: E402
from devices.setup import adding  # noqa: E402
from media_pipeline.captures.models import Capture, Step  # noqa: E402
from media_pipeline.maintenance import retention  # noqa: E402
from media_pipeline.mirror import copying, gate, waking  # noqa: E402
from media_pipeline.mirror.models import MirrorState, OSSObject  # noqa: E402
from media_pipeline.mirror.stores import MirrorError  # noqa: E402
from media_pipeline.picture_files import store  # noqa: E402
from photohub.status import parts  # noqa: E402
from tests.large_tables import Sql  # noqa: E402

# A file has no more names than this on common file systems.
_NAMES_PER_FILE = 30_000
_FILE_BYTES = 4_096


@dataclass
class _Watch:
    """How long transactions took."""

    longest_ms: float = 0.0
    _begun_s: float = field(default=0.0)

    def begin(self) -> None:
        self._begun_s = time.perf_counter()

    def end(self) -> None:
        self.longest_ms = max(self.longest_ms, 1000 * (time.perf_counter() - self._begun_s))

    def statement(self, execute: Callable, sql: str, *rest: Any) -> Any:
        if connection.in_atomic_block:
            return execute(sql, *rest)
        self.begin()
        try:
            return execute(sql, *rest)
        finally:
            if not sql.startswith(("SELECT", "BEGIN", "COMMIT")):
                self.end()


@contextmanager
def _watched() -> Iterator[_Watch]:
    """Time every transaction, and every writing statement outside of one."""
    watch, change = _Watch(), connection.set_autocommit

    def set_autocommit(autocommit: bool, *more: Any, **named: Any) -> None:
        change(autocommit, *more, **named)
        (watch.end if autocommit else watch.begin)()

    connection.ensure_connection()
    with connection.execute_wrapper(watch.statement):
        connection.set_autocommit = set_autocommit
        try:
            yield watch
        finally:
            del connection.set_autocommit


def _timed(work: Callable[[], int]) -> dict[str, float]:
    cpu_s, begun_s = time.process_time(), time.perf_counter()
    with _watched() as watch:
        done = work()
    seconds = max(time.perf_counter() - begun_s, 1e-9)
    cpu_ms = 1000 * (time.process_time() - cpu_s) / max(done, 1)
    return {
        "done": done,
        "seconds": seconds,
        "per_s": done / seconds,
        "cpu_ms": cpu_ms,
        "longest_ms": watch.longest_ms,
    }


def hoard(code: str, pictures: int, days_old: int, waiting: bool = False, trashed: bool = False) -> int:
    """Make a device with so many pictures of one day, each with a file, a copy's row and an event."""
    device = adding.add_device(code=code, name=code, profile="generic").device
    number, at = device.pk, timezone.now().replace(microsecond=0) - timedelta(days=days_old)
    sql = Sql(pictures, at)
    key = _key(number, sql)
    path = f"{code}/{at:%Y-%m-%d}/"
    facts = {"size_bytes": _FILE_BYTES, "content_type": "image/jpeg", "thumbnail_state": Step.DONE}
    facts |= {
        "trashed_at": timezone.now() if trashed else None,
        "received_at": at,
        "stored_at": at,
        "name": "first",
        "sha256": "first",
        "path": path,
    }
    with transaction.atomic():
        row = Capture.objects.create(device=device, **facts)
        spare = Capture.objects.create(device=device, **facts | {"name": "spare"})
        state = MirrorState.PENDING if waiting else MirrorState.OFF
        copy = OSSObject.objects.create(capture=spare, key="k", state=state)
        columns = {"id": key, "code": f"'{number}-' || n", "name": "'p' || n", "sha256": "'s' || n"}
        when = sql.at("n * 0.01")
        columns |= {"received_at": when, "stored_at": when, "path": f"'{path}' || {_text_of(key)} || '.jpg'"}
        sql.multiply(row, **columns)
        due = sql.at("n * 0.01")
        sql.multiply(copy, capture_id=key, key="'k' || n", next_try_at=due, created_at=due)
        spare.delete()
        sql.multiply(Event.objects.create(type="capture.created", device=device), subject=key, at=when)
    _make_files(Capture.everything.filter(device=device).values_list("path", flat=True))
    _analyse()
    return pictures


def _key(number: int, sql: Sql) -> str:
    if connection.vendor == "sqlite":
        return f"printf('%08x%024x', {number}, n)"
    return f"(lpad(to_hex({number}), 8, '0') || lpad(to_hex(n), 24, '0'))::uuid"


def _text_of(key: str) -> str:
    """Return the key in the form with dashes, as files are named."""
    if connection.vendor == "postgresql":
        return f"({key})::text"
    cuts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return " || '-' || ".join(f"substr({key}, {start}, {length})" for start, length in cuts)


def _make_files(paths: Any) -> None:
    """Give each path a file: names of a few files, since only names are removed."""
    originals = settings.PHOTOHUB_DATA / "originals"
    originals.mkdir(exist_ok=True)
    for number, path in enumerate(paths.iterator()):
        if number % _NAMES_PER_FILE == 0:
            original = originals / f"{time.monotonic_ns()}"
            original.write_bytes(os.urandom(_FILE_BYTES))
            folder = store.full_path(path).parent
            folder.mkdir(parents=True, exist_ok=True)
        os.link(original, Path(settings.PICTURES_DIR, path))


def _analyse() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def retain() -> dict[str, float]:
    """Let retention do one run."""
    return _timed(lambda: retention.retain()[0])


def remove_device(code: str) -> dict[str, float]:
    """Remove a device with all that hangs on it."""
    device = Device.objects.get(code=code)
    pictures = Capture.everything.filter(device=device).count()

    def work() -> int:
        removing.remove_device(device)
        while removing.due():
            removing.go_on([device.pk])
        return pictures

    return _timed(work)


def wait_gone(within_s: float) -> float:
    """Wait until the hub has removed every device and emptied the trash. Returns how long that took, in seconds."""
    begun_s = time.monotonic()
    while DeviceRemoval.objects.exists() or Capture.everything.in_trash().exists():
        if time.monotonic() - begun_s > within_s:
            raise RuntimeError("The hub did not come to an end.")
        time.sleep(0.2)
    return time.monotonic() - begun_s


def mirror_queue(times: int) -> dict[str, float]:
    """Time looking for due copies, and what blocks and wakes the mirror, with all that wait in the tables."""
    refused = MirrorError("The key is wrong.", "auth", configuration=True)
    answer = {"due_ms": time_ms(copying.due, times), "waiting": OSSObject.objects.waiting().count()}
    for name, step in (("block", lambda: gate.shut(refused.said)), ("wake", waking.wake_all)):
        timed = _timed(lambda step=step: step() or 1)
        answer |= {f"{name}_ms": 1000 * timed["seconds"], f"{name}_longest_ms": timed["longest_ms"]}
        answer[f"due_after_{name}_ms"] = time_ms(copying.due, times)
    return answer


def old_events(count: int) -> int:
    """Make events of three months ago without a sentence."""
    sql = Sql(count, timezone.now().replace(microsecond=0) - timedelta(days=90))
    sql.multiply(Event.objects.create(type="notice"), at=sql.at("n * 0.01"))
    _analyse()
    return count


def prune_events(seconds: float) -> dict[str, float]:
    """Prune for so long, or until nothing is left to prune."""

    def work() -> int:
        until_s, done = time.monotonic() + seconds, 0
        for _ in itertools.count():
            gone = events.prune()
            done += gone
            if not gone or time.monotonic() > until_s:
                return done

    return _timed(work)


def look_at_status(times: int) -> dict[str, float]:
    """Time what the status page asks, and what the slowest of its statements takes."""
    parts.collect()
    with CaptureQueriesContext(connection) as asked:
        parts.collect()
    slowest = max(float(query["time"]) for query in asked.captured_queries)

    return {
        "statements": len(asked.captured_queries),
        "slowest_ms": 1000 * slowest,
        "all_ms": time_ms(parts.collect, times),
    }


_JOBS = (hoard, retain, remove_device, wait_gone, mirror_queue, old_events, prune_events, look_at_status)
JOBS = {job.__name__: job for job in _JOBS}


def main() -> None:
    order = json.loads(sys.argv[1])
    settings.PICTURES_DIR.mkdir(parents=True, exist_ok=True)
    print(json.dumps(JOBS[order.pop("job")](**order)))


if __name__ == "__main__":
    main()
