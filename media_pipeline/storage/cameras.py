"""How many bytes the pictures of each camera take, from what is added up already."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Sum
from django.utils import timezone

from devices.access.rights import sees_all
from devices.registry.models import Device
from media_pipeline.maintenance.counting import ALL_CAMERAS
from media_pipeline.maintenance.models import CameraSize, DaySize
from photohub.lib.pages.sizes import size_in_words

SHOWN = 10
DAYS = 7


@dataclass(frozen=True)
class Camera:
    """What one camera's pictures take: all of them, and those of a day as the last days went. `share`: of the largest."""

    device: Device
    size_bytes: int
    a_day_bytes: int
    share: int

    @property
    def size_said(self) -> str:
        return size_in_words(self.size_bytes)

    @property
    def a_day_said(self) -> str:
        return size_in_words(self.a_day_bytes)


def largest(user) -> list[Camera]:
    """Return the cameras that a person may see and whose pictures take most."""
    devices = Device.objects.visible_to(user)
    rows = CameraSize.objects.exclude(camera=ALL_CAMERAS).order_by("-size_bytes")
    if not sees_all(user):
        rows = rows.filter(camera__in=devices.values("pk"))
    sizes = dict(rows.values_list("camera", "size_bytes")[:SHOWN])
    named, daily = devices.in_bulk(list(sizes)), _a_day(list(sizes))
    most = max(sizes.values(), default=0)
    return [
        Camera(named[pk], size, daily[pk], round(100 * size / most))
        for pk, size in sizes.items()
        if pk in named
    ]


def total_bytes() -> int:
    """Return what all pictures take that are counted, on the hub or in the object store alone."""
    return CameraSize.objects.filter(camera=ALL_CAMERAS).values_list("size_bytes", flat=True).first() or 0


def sizes_of_days() -> list[int]:
    """Return the sizes of the pictures of the last whole days that had some."""
    today = _today()
    rows = DaySize.objects.filter(camera=ALL_CAMERAS, day__gte=today - DAYS, day__lt=today)
    return list(rows.order_by("day").values_list("size_bytes", flat=True))


def _a_day(cameras: list[int]) -> Counter[int]:
    today = _today()
    rows = DaySize.objects.filter(camera__in=cameras, day__gte=today - DAYS, day__lt=today)
    sums = rows.order_by().values_list("camera").annotate(sum=Sum("size_bytes"))
    return Counter({camera: size // DAYS for camera, size in sums})


def _today() -> int:
    return int(timezone.now().timestamp()) // 86_400
