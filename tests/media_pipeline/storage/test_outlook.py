import pytest
from django.utils import timezone, translation

from media_pipeline.maintenance.models import CameraSize, DaySize
from media_pipeline.picture_files import store
from media_pipeline.storage import outlook
from media_pipeline.storage.forecast import FAR_OFF_DAYS, Forecast
from media_pipeline.storage.models import DiskSample
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db
GB = 10**9


@pytest.fixture(autouse=True)
def _disk(monkeypatch, settings):
    settings.DISK_FLOOR_BYTES = 0
    monkeypatch.setattr(store, "free_bytes", lambda: 40 * GB)


def make_days(*sizes: int) -> None:
    today = int(timezone.now().timestamp()) // 86_400
    for back, size_bytes in enumerate(reversed(sizes), 1):
        DaySize.objects.create(camera=0, day=today - back, size_bytes=size_bytes)
    CameraSize.objects.create(camera=0, size_bytes=sum(sizes))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Forecast("unknown"), "How long the disk lasts is known after a day of pictures."),
        (Forecast("held_by_bytes"), "The disk does not fill: at most 5.0 GB of pictures are kept."),
        (Forecast("held_by_days"), "The disk does not fill: pictures are kept for 30 days."),
        (Forecast("stays"), "At this pace the disk lasts for years."),
        (Forecast("fills", 0.2, 0.5, 2), "At this pace the disk is full within a day."),
        (Forecast("fills", 19, 21, 24), "At this pace the disk is full in about 3 weeks."),
        (Forecast("fills", 5, 9, 40), "At this pace the disk is full in 5 days to 6 weeks."),
        (Forecast("fills", 80, 100, 800), "At this pace the disk is full in 3 months to 2 years."),
        (
            Forecast("fills", 20, 30, FAR_OFF_DAYS),
            "At this pace the disk is full in 4 weeks, perhaps much later.",
        ),
    ],
)
def test_a_forecast_says_how_sure_it_is(settings, found, sentence):
    settings.KEEP_BYTES, settings.KEEP_DAYS = 5 * GB, 30
    with translation.override("en"):
        assert outlook.say(found) == sentence


def test_a_new_hub_goes_by_its_pictures_and_an_older_one_by_its_disk():
    make_capture(make_device())
    assert outlook.look().kind == "unknown"
    make_days(2 * GB, 2 * GB)
    assert outlook.look() == Forecast("fills", 20, 20, 20)
    hour = int(timezone.now().timestamp()) // 3600
    for day in range(6):
        DiskSample.objects.create(node=1, hour=hour - 24 * day, free_bytes=(40 + day) * GB)
    assert outlook.look() == Forecast("fills", 40, 40, 40)


@pytest.mark.parametrize(
    ("days", "size_bytes", "kind"), [(10, 0, "held_by_days"), (0, 20 * GB, "held_by_bytes")]
)
def test_retention_may_hold_it(settings, days, size_bytes, kind):
    make_capture(make_device())
    make_days(2 * GB, 2 * GB)
    settings.KEEP_DAYS, settings.KEEP_BYTES = days, size_bytes
    assert outlook.look().kind == kind


def test_retention_of_more_than_the_disk_holds_nothing(settings):
    make_days(2 * GB, 2 * GB)
    settings.KEEP_DAYS, settings.KEEP_BYTES = 365, 500 * GB
    assert outlook.look().kind == "fills"
