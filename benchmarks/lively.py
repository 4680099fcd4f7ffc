"""What a hub in use has on its pages, and what a page asks of its database: jobs of `benchmarks.filling`."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks.pictures import make_picture
from devices.access.groups import DeviceGroup
from devices.access.models import DeviceInGroup
from devices.commands.models import Command, CommandState
from devices.events.models import Trouble
from devices.registry.models import Device, LinkState
from media_pipeline.captures.models import Capture, Freshness, Tag
from media_pipeline.maintenance import counting
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.picture_files import store

_GROUPS = ("Garden", "House", "North gate")
_TAGS = ("fox", "parcel", "visitors")
_BLOCK = 5
_BATCH = 500
_PICTURE_BYTES = 55_000
# As many as the first page of the history may show.
_WITH_FILES = 40
_STATES = (CommandState.UPLOADED, *(state for state in CommandState if state != CommandState.UPLOADED))


def make_lively(simulated: int = 2) -> dict[str, str]:
    """Give a filled hub's devices and pictures what those of a hub in use have; `fill` must have been called.

    Batteries, signals, groups, orders in every state, troubles; of pictures runs of like ones, faults, tags, notes, copies
    that failed. Returns the code of a device and the key of a picture in the midst of them.
    """
    now = timezone.now()
    with transaction.atomic():
        cameras = _liven_devices(now, simulated)
        _order_pictures(cameras[::2], now)
        _liven_captures(cameras)
    counting.keep_counts()
    picture = Capture.objects.exclude(command=None).order_by("-received_at").first()
    for shown in {picture, *Capture.objects.order_by("-received_at")[:_WITH_FILES]}:
        _give_file(shown)
    return {"device": cameras[0].code, "picture": str(picture.pk)}


def _give_file(capture: Capture) -> None:
    """Store a picture's bytes, of which its page tells what the camera wrote into them."""
    data = make_picture(_PICTURE_BYTES) + secrets.token_bytes(16)
    path = store.full_path(capture.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    Capture.objects.filter(pk=capture.pk).update(
        sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)
    )


def _liven_devices(now: datetime, simulated: int) -> list[Device]:
    groups = [DeviceGroup.objects.create(name=name) for name in _GROUPS]
    cameras = list(Device.objects.cameras().order_by("pk"))
    for n, device in enumerate(cameras):
        device.pinned = n % 50 == 7
        device.simulated = n < simulated
        device.command_topic = f"photohub/{device.code}/command" if n % 3 else ""
        device.last_seen_at = None if n % 11 == 10 else now - timedelta(minutes=n % 97)
        device.link_state = (LinkState.CONNECTED, LinkState.LOST, LinkState.UNKNOWN)[n % 3]
        device.link_changed_at = now - timedelta(hours=n % 61)
        device.listens = n % 3 == 0 or None
        device.battery_mv = None if n % 2 else 3300 + 7 * (n % 120)
        device.rssi_dbm = None if n % 5 == 4 else -50 - n % 45
        device.firmware_version = f"1.{n % 7}.0"
    names = (
        "pinned simulated command_topic last_seen_at link_state link_changed_at listens battery_mv rssi_dbm"
    )
    Device.objects.bulk_update(cameras, [*names.split(), "firmware_version"], _BATCH)
    # Some are in no group, some in two.
    DeviceInGroup.objects.bulk_create(
        DeviceInGroup(device=device, group=group)
        for n, device in enumerate(cameras)
        for group in [(), groups[:1], groups[1:2], groups[1:]][n % 4]
    )
    facts = {"limit": 4096, "size": 9000}
    Trouble.objects.bulk_create(
        Trouble(device=device, word="telemetry_unreadable", values=facts) for device in cameras[::13]
    )
    return cameras


def _order_pictures(cameras: list[Device], now: datetime) -> None:
    """Have the newest order of each camera in another state."""
    made = []
    for n, device in enumerate(cameras):
        state = _STATES[n % len(_STATES)]
        begun = now - timedelta(seconds=20 + n % 30)
        made.append(
            Command(
                device=device,
                name=secrets.token_hex(12),
                state=state,
                created_at=begun,
                sent_at=None if state == CommandState.QUEUED else begun + timedelta(milliseconds=40),
                finished_at=None if state in Command.OPEN else begun + timedelta(seconds=1.5),
                expires_at=now + timedelta(days=1),
            )
        )
    Command.objects.bulk_create(made, _BATCH)


def _liven_captures(cameras: list[Device]) -> None:
    """Change the pictures so that some are marked, and each fourth block of them is a run of one camera."""
    tags = [Tag.objects.create(name=name) for name in _TAGS]
    answered = iter(Command.objects.filter(state=CommandState.UPLOADED).order_by("pk"))
    rows = list(Capture.objects.order_by("-received_at").defer("telemetry"))
    for n, row in enumerate(rows):
        if n // _BLOCK % 4 == 3:
            row.device, row.dhash = cameras[n // _BLOCK % len(cameras)], 0
        if n % 7 == 3:
            row.width, row.height = 768, 1024
        row.kept = n % 17 == 5
        row.fault = ("black", "grey_band")[n % 2] if n % 23 == 4 else None
        row.flags = ["trailing"] if n % 29 == 6 else []
        row.note = "Two foxes at the fence." if n % 31 == 7 else ""
        if n % 9 == 2:
            row.command = next(answered, None)
            row.freshness = Freshness.SAME if n % 2 else Freshness.FRESH
    names = ["device", "dhash", "width", "height", "kept", "fault", "flags", "note", "command", "freshness"]
    Capture.objects.bulk_update(rows, names, _BATCH)
    through = Capture.tags.through
    through.objects.bulk_create(
        [
            through(capture=row, tag=tags[n % len(tags)], received_at=row.received_at)
            for n, row in enumerate(rows[::12])
        ],
        _BATCH,
    )
    failed = [row.pk for row in rows[8:4000:37]]
    error = {"state": MirrorState.FAILED, "error": "The bucket refused the key."}
    OSSObject.objects.filter(pk__in=failed).update(**error)


def count_queries(paths: dict[str, str]) -> dict[str, int]:
    """Return how many statements each page sends, in a process that has answered it before."""
    client = Client(HTTP_HOST="127.0.0.1")
    owner = get_user_model().objects.filter(is_superuser=True).first()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    found = {}
    for name, path in paths.items():
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        found[name] = len(queries)
    return found
