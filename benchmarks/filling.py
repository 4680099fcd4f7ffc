"""Work inside a hub's database, in a process of its own: `python -m benchmarks.filling '{"job": …}'`.

The environment says which hub, as for manage.py; the answer is printed as JSON.
"""

import hashlib
import io
import json
import os
import random
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import many_pictures, many_questions  # noqa: E402
from benchmarks.lively import count_queries, make_lively  # noqa: E402
from benchmarks.measuring import time_ms  # noqa: E402
from benchmarks.pictures import make_picture  # noqa: E402
from devices.commands import queue as commands  # noqa: E402
from devices.commands.models import Command  # noqa: E402
from devices.events.models import Event, EventType  # noqa: E402
from devices.firmware import images  # noqa: E402
from devices.firmware.checking import Facts  # noqa: E402
from devices.firmware.models import Firmware  # noqa: E402
from devices.firmware.rollouts import queue as rollouts  # noqa: E402
from devices.firmware.rollouts import targets  # noqa: E402
from devices.firmware.rollouts.planning import Plan  # noqa: E402
from devices.panels.deliveries import queue as deliveries  # noqa: E402
from devices.panels.deliveries.models import Delivery, PictureOrigin  # noqa: E402
from devices.protocol.pictures.packets import count_packets  # noqa: E402
from devices.registry.models import Device  # noqa: E402
from devices.setup import adding  # noqa: E402
from media_pipeline.captures.models import Capture, Source, Step  # noqa: E402
from media_pipeline.mirror import copying  # noqa: E402
from media_pipeline.mirror.models import MirrorState, OSSObject  # noqa: E402
from media_pipeline.picture_files import store  # noqa: E402
from photohub.lib.ids import new_id  # noqa: E402

_DAYS = 90
_BATCH = 2_000
_WAITING_COPIES = 200
_WAITING_COMMANDS = 50


def fill(devices: int, captures: int) -> int:
    """Make devices, and mirrored captures of all of them, evenly over the last 90 days."""
    with transaction.atomic():
        made = [
            adding.add_device(code=f"old-{n}", name=f"Old {n}", profile="generic").device
            for n in range(devices)
        ]
    now = timezone.now()
    for start in range(0, captures, _BATCH):
        numbers = range(start, min(start + _BATCH, captures))
        rows = [
            _capture(made[n % devices], now - timedelta(days=_DAYS) * (1 - n / captures)) for n in numbers
        ]
        with transaction.atomic():
            Capture.objects.bulk_create(rows)
            OSSObject.objects.bulk_create(
                OSSObject(capture=row, key=row.path, state=MirrorState.MIRRORED, mirrored_at=row.received_at)
                for row in rows
            )
            Event.objects.bulk_create(_created(row) for row in rows)
    return Capture.objects.count()


def _capture(device: Device, at: datetime, body: bytes = b"") -> Capture:
    id_ = new_id()
    return Capture(
        id=id_,
        device=device,
        name=f"{at:%H:%M:%S}",
        source=Source.HTTP,
        path=store.picture_path(id_, device.code, at, "jpg"),
        sha256=hashlib.sha256(body).hexdigest() if body else secrets.token_hex(32),
        size_bytes=len(body) or 55_000,
        content_type="image/jpeg",
        width=1024,
        height=768,
        received_at=at,
        stored_at=at,
        thumbnail_state=Step.DONE,
        colour="#806040",
    )


def _created(row: Capture) -> Event:
    return Event(type=EventType.CAPTURE_CREATED, device=row.device, subject=row.pk, at=row.received_at)


def add_backlog(count: int, size_bytes: int) -> int:
    """Store pictures whose copies are due now, as after an outage of the object storage."""
    device = Device.objects.filter(code="backlog").first()
    device = device or adding.add_device(code="backlog", name="Backlog", profile="generic").device
    now = timezone.now()
    rows = [_with_file(device, now, body) for body in _bodies(count, size_bytes)]
    with transaction.atomic():
        Capture.objects.bulk_create(rows)
        OSSObject.objects.bulk_create(OSSObject(capture=row, key=row.path, next_try_at=now) for row in rows)
    return len(rows)


def _bodies(count: int, size_bytes: int) -> Iterator[bytes]:
    picture = make_picture(size_bytes)
    return (picture + secrets.token_bytes(16) for _ in range(count))


def _with_file(device: Device, at: datetime, body: bytes) -> Capture:
    row = _capture(device, at, body)
    path = store.full_path(row.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return row


def wait_mirrored(count: int, within_s: float) -> list[float]:
    """Wait for so many copies. Returns when each was made, in unix seconds, oldest first."""
    rows = OSSObject.objects.filter(state=MirrorState.MIRRORED).order_by("mirrored_at")
    deadline_s = time.monotonic() + within_s
    while rows.count() < count and time.monotonic() < deadline_s:
        time.sleep(0.5)
    return [at.timestamp() for at in rows.values_list("mirrored_at", flat=True)]


def forget_copies() -> int:
    """Forget which copies were made, so that the next round counts only its own."""
    return OSSObject.objects.filter(state=MirrorState.MIRRORED).update(state=MirrorState.OFF)


def time_queues(times: int) -> dict[str, float]:
    """Time looking for due copies, and claiming commands, with the same small number waiting everywhere.

    All in one transaction that is rolled back, so the running hub sees nothing of it.
    """
    with transaction.atomic():
        now = timezone.now()
        newest = list(Capture.objects.values_list("pk", flat=True)[:_WAITING_COPIES])
        OSSObject.objects.filter(pk__in=newest).update(state=MirrorState.PENDING, next_try_at=now)
        device = Device.objects.first()
        Command.objects.bulk_create(
            Command(device=device, name=secrets.token_hex(12), expires_at=now + timedelta(minutes=5))
            for _ in range(_WAITING_COMMANDS)
        )
        answer = {"mirror.due": time_ms(copying.due, times), "commands.claim_to_send": time_ms(_claim, times)}
        transaction.set_rollback(True)
    return answer


def _claim() -> None:
    with transaction.atomic():
        assert len(commands.claim_to_send()) == _WAITING_COMMANDS
        transaction.set_rollback(True)


def add_panels(count: int) -> list[str]:
    """Make panels with native topics. Returns their codes."""
    codes = [f"panel-{n}" for n in range(count)]
    with transaction.atomic():
        for code in codes:
            topic = f"photohub/{code}/picture"
            values = {"picture_topic": topic, "picture_ack_topic": f"{topic}/ack"}
            adding.add_device(code=code, name=code, profile="panel", **values)
    return codes


def push_pictures(codes: list[str], size_bytes: int) -> int:
    """Make a delivery for each panel, and let all of them begin in the same moment."""
    picture, later = os.urandom(size_bytes), timezone.now() + timedelta(hours=1)
    made = []
    for device in Device.objects.filter(code__in=codes):
        wish = deliveries.Wish(PictureOrigin.UPLOAD, "a.bin", picture=picture, render="none")
        with transaction.atomic():
            delivery = deliveries.deliver(device, wish)
            values = {
                "prepared_at": timezone.now(),
                "sha256": delivery.original_sha256,
                "size_bytes": size_bytes,
            }
            packets = count_packets(size_bytes)
            Delivery.objects.filter(pk=delivery.pk).update(next_try_at=later, packets_total=packets, **values)
        made.append(delivery.pk)
    return Delivery.objects.filter(pk__in=made).update(next_try_at=timezone.now())


def offer_image(devices: int, size_bytes: int) -> list[str]:
    """Offer an image to so many new devices, and return their tokens; one of this size is the same at every call."""
    firmware = Firmware.objects.filter(size_bytes=size_bytes).first()
    if firmware is None:
        data = random.Random(size_bytes).randbytes(size_bytes)
        counter = 1 + Firmware.objects.count()
        facts = Facts(product="generic", version=f"2.0.{counter}", counter=counter)
        firmware = images.publish(images.store_firmware(io.BytesIO(data), facts, None))
    tag = secrets.token_hex(4)
    made = Device.objects.bulk_create(
        Device(code=f"board-{tag}-{n}", name=f"Board {n}", profile="generic") for n in range(devices)
    )
    everybody = Plan(steps=({"devices": 0, "percent": 100, "soak_s": 0},))
    rollouts.create(firmware, made, plan=everybody, start=True)
    with transaction.atomic():
        return [targets.next_offer(device, "default", "http").token for device in made]


_JOBS = (
    fill,
    make_lively,
    count_queries,
    add_backlog,
    wait_mirrored,
    forget_copies,
    time_queues,
    add_panels,
    push_pictures,
    offer_image,
    *many_pictures.JOBS,
    *many_questions.JOBS,
)
JOBS = {job.__name__: job for job in _JOBS}


def main() -> None:
    order = json.loads(sys.argv[1])
    settings.PICTURES_DIR.mkdir(parents=True, exist_ok=True)
    print(json.dumps(JOBS[order.pop("job")](**order)))


if __name__ == "__main__":
    main()
