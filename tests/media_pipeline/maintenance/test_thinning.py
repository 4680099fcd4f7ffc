"""Of like pictures in a row the first and the last stay."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from media_pipeline.captures.labels import add_tag
from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import retention, thinning
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
LIKE, OTHER = 0, 2**62 - 1


def make_row(device, days: float, hashes: list[int | None], first: int = 0) -> list[Capture]:
    """Return pictures from noon on, `days` ago, one a minute, named by their number."""
    noon = (timezone.now() - timedelta(days=days)).replace(hour=12, minute=0)
    return [
        make_capture(device, name=f"{first + n}", received_at=noon + timedelta(minutes=n), dhash=dhash)
        for n, dhash in enumerate(hashes)
    ]


@pytest.fixture(autouse=True)
def _sends_still(db):
    """Let a camera have sent something just now: in a silent hub nothing goes by age."""
    make_capture(make_device("gate"), name="")


def names() -> str:
    return "".join(sorted(Capture.objects.values_list("name", flat=True)))


def test_of_each_run_first_and_last_stay_and_what_is_alone(settings):
    settings.THIN_AFTER_DAYS = 7
    make_row(make_device(), 9, [LIKE, LIKE, LIKE, LIKE, OTHER, None, None, None])
    assert retention.retain() == (2, 0)
    assert names() == "034567"
    assert retention.retain() == (0, 0)


def test_without_the_setting_and_before_its_time_everything_stays(settings):
    make_row(make_device(), 9, [LIKE] * 4)
    retention.retain()
    settings.THIN_AFTER_DAYS = 30
    assert retention.retain() == (0, 0) and names() == "0123"


def test_what_somebody_marked_stays(settings):
    settings.THIN_AFTER_DAYS = 7
    row = make_row(make_device(), 9, [LIKE] * 6)
    Capture.objects.filter(pk=row[1].pk).update(kept=True)
    Capture.objects.filter(pk=row[2].pk).update(note="A fox.")
    add_tag(row[3:4], "fox")
    assert retention.retain() == (1, 0) and names() == "01235"


def test_cameras_do_not_stand_in_each_others_way(settings):
    settings.THIN_AFTER_DAYS = 7
    make_row(make_device("porch"), 9, [LIKE] * 3)
    make_row(make_device("barn"), 9, [LIKE] * 3, first=3)
    assert retention.retain() == (2, 0) and names() == "0235"


def test_a_run_goes_on_where_its_share_ended(settings, monkeypatch):
    monkeypatch.setattr(retention, "SHARE_AT_LEAST", 2)
    monkeypatch.setattr(retention, "SHARE_BY_AGE", 0)
    settings.THIN_AFTER_DAYS, device = 7, make_device()
    make_row(device, 10, [LIKE] * 5)
    make_row(device, 9, [LIKE] * 4, first=5)
    assert [retention.retain() for _run in range(4)] == [(2, 0), (2, 0), (1, 0), (0, 0)]
    assert names() == "0458"


def test_a_day_is_one_of_the_hubs_zone(settings):
    settings.THIN_AFTER_DAYS, settings.HUB_TIME_ZONE = 1, "Asia/Shanghai"
    midnight, device = datetime(2025, 6, 30, tzinfo=ZoneInfo("Asia/Shanghai")), make_device()
    for n in range(6):
        make_capture(device, name=f"{n}", received_at=midnight + timedelta(minutes=n - 3), dhash=LIKE)
    assert retention.retain() == (2, 0) and names() == "0235"


def test_nothing_goes_while_the_disk_is_missing(settings, monkeypatch):
    settings.THIN_AFTER_DAYS = 7
    make_row(make_device(), 9, [LIKE] * 4)

    def is_away() -> None:
        raise retention.DiskMissing

    share = retention.Run()
    share.allow_by_age()
    with pytest.raises(retention.DiskMissing):
        thinning.thin(share, is_away)
    assert names() == "0123"


def test_a_preview_tells_what_would_go_and_deletes_nothing(client):
    porch, barn = make_device("porch"), make_device("barn")
    row = make_row(porch, 9, [LIKE] * 5)
    make_row(barn, 9, [LIKE, OTHER], first=5)
    told, more = thinning.look_ahead(7)
    assert [(t.device, t.looked_at, t.going) for t in told] == [(porch, 5, 3), (barn, 2, 0)] and not more
    assert told[0].size_bytes == sum(c.size_bytes for c in row[1:4])
    client.force_login(make_user("alice", "owner"))
    page = client.get("/status/like-pictures?days=7").content.decode()
    assert "3 pictures" in page and "It is turned off." in page and names() == "0123456"
    assert "Nothing would be deleted" in client.get("/status/like-pictures?days=x").content.decode()


def test_a_preview_of_very_many_pictures_says_where_it_ended(monkeypatch):
    monkeypatch.setattr(thinning, "LOOKED_AT_MOST", 3)
    device = make_device()
    make_row(device, 10, [LIKE] * 3)
    make_row(device, 9, [LIKE] * 3, first=3)
    [told], more = thinning.look_ahead(7)
    assert (told.looked_at, told.going, more) == (3, 1, True)
