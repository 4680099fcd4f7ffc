"""Which frames of a stream become captures: every one, one in a while, or only when somebody asks for it."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings

from devices.registry.models import Device
from media_pipeline.captures.models import Source
from media_pipeline.formats import images
from media_pipeline.intake.ingest import Upload
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import Refused

KEEP_WITHIN_S = 30.0


class PolicyKind(StrEnum):
    """The forms of a policy."""

    NONE = "none"
    EVERY = "every"
    INTERVAL = "interval"
    ON_DEMAND = "on_demand"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a device's frames are for; `interval_s` belongs to INTERVAL."""

    kind: PolicyKind
    interval_s: float = 0.0


def read_policy(text: str) -> Policy:
    """Read `none`, `every`, `interval:<seconds>` or `on_demand`; raises ValueError."""
    word, colon, seconds = text.partition(":")
    if word == PolicyKind.INTERVAL and seconds.isascii() and seconds.isdigit() and int(seconds) > 0:
        return Policy(PolicyKind.INTERVAL, float(seconds))
    if not colon and word in (PolicyKind.NONE, PolicyKind.EVERY, PolicyKind.ON_DEMAND):
        return Policy(PolicyKind(word))
    raise ValueError(f"{text!r} is no stream policy; use none, every, interval:<seconds> or on_demand.")


class Chooser:
    """Decides frame by frame. Times are of one monotonic clock and are passed in; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due_s: dict[str, float] = {}
        self._wanted_until_s: dict[str, float] = {}

    def keep_next(self, code: str, now_s: float, within_s: float = KEEP_WITHIN_S) -> None:
        """Choose the device's next frame whatever its policy, if it comes in time."""
        with self._lock:
            self._wanted_until_s[code] = now_s + within_s

    def chooses(self, code: str, policy: Policy, now_s: float) -> bool:
        """Tell whether the frame that arrived at `now_s` becomes a capture."""
        with self._lock:
            wanted = self._wanted_until_s.pop(code, now_s - 1) >= now_s
            if policy.kind is PolicyKind.INTERVAL and now_s >= self._due_s.get(code, now_s):
                self._due_s[code] = self._next_due_s(code, policy.interval_s, now_s)
                return True
            return wanted or policy.kind is PolicyKind.EVERY

    def forget(self, code: str) -> None:
        """Drop what is remembered of a device."""
        with self._lock:
            self._due_s.pop(code, None)
            self._wanted_until_s.pop(code, None)

    def _next_due_s(self, code: str, interval_s: float, now_s: float) -> float:
        # Counted from when it was due, so that frames a little late do not push all the others back.
        due_s = self._due_s.get(code, now_s) + interval_s
        return due_s if due_s > now_s else now_s + interval_s


def build_upload(
    device: Device,
    picture: bytes,
    source: Source,
    *,
    received_at: datetime,
    name: str = "",
    address: str = "",
    telemetry: Mapping | None = None,
    flags: tuple[str, ...] = (),
) -> Upload:
    """Make of a frame what endpoints hand in, exactly the bytes that came. Raises Refused."""
    if len(picture) > settings.UPLOAD_MAX_BYTES:
        raise Refused("too_large", f"The picture is larger than {settings.UPLOAD_MAX_BYTES} bytes.")
    if store.free_bytes() < settings.DISK_FLOOR_BYTES + len(picture):
        raise Refused("disk_full", "The hub's disk is full; free some space and send again.", 60)
    try:
        facts = images.inspect(picture, max_pixels=settings.UPLOAD_MAX_PIXELS)
    except images.TooManyPixels as error:
        raise Refused("too_many_pixels", str(error)) from error
    except images.PictureRefused as error:
        raise Refused("not_image", str(error)) from error
    body = store.Spool()
    body.write(picture)
    return Upload(
        source=source,
        device=device,
        name=name or f"{received_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        body=body,
        facts=images.flagged(facts, *flags),
        received_at=received_at,
        sent_from=address,
        telemetry=dict(telemetry or {}),
    )
