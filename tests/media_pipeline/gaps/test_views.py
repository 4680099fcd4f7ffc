"""The gap map's page and its table."""

from datetime import date

import pytest

from devices.access.groups import DeviceGroup
from devices.schedules.models import RunDay
from media_pipeline.gaps import days
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    client.force_login(make_user("alice", "owner"))
    return client


def test_a_cell_leads_to_the_pictures_of_its_day(owner):
    porch = make_device(name="Porch")
    RunDay.objects.create(device=porch, day=date(2026, 11, 3), expected=4, arrived=1, offline=3)
    page = owner.get("/gaps?month=2026-11").content.decode()
    assert "/history?device=porch&amp;at=2026-11-03" in page
    assert "1 of 4 pictures, offline: 3" in page and "−3" in page


def test_a_month_without_scheduled_pictures_says_how_to_have_some(owner):
    page = owner.get("/gaps").content.decode()
    assert "No scheduled pictures" in page and "/schedules/new" in page


def test_cameras_come_page_by_page_and_by_group(owner, monkeypatch):
    monkeypatch.setattr(days, "CAMERAS_ON_A_PAGE", 1)
    yard = DeviceGroup.objects.create(name="yard")
    for code, groups in (("aa", [yard]), ("bb", [])):
        device = make_device(code, name=f"Camera {code}", groups=groups)
        RunDay.objects.create(device=device, day=date(2026, 11, 3), expected=1, arrived=1)
    first, second = (owner.get(f"/gaps?month=2026-11&page={n}").content.decode() for n in (1, 2))
    assert "Camera aa" in first and "Camera bb" not in first and "Camera bb" in second
    of_group = owner.get(f"/gaps?month=2026-11&group={yard.pk}&page=9").content.decode()
    assert "Camera aa" in of_group
    assert owner.get("/gaps?month=2026-11&group=x&page=x").status_code == 200


def test_the_table_has_a_line_for_each_camera_and_day(owner):
    porch = make_device(name="=SUM(A1)")
    RunDay.objects.create(device=porch, day=date(2026, 11, 3), expected=4, arrived=1, offline=3)
    answer = owner.get("/gaps.csv?month=2026-11")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.decode("utf-8-sig").splitlines() == [
        "day,device,name,expected,arrived,offline,silent,refused,hub_away",
        "2026-11-03,porch,'=SUM(A1),4,1,3,0,0,0",
    ]
