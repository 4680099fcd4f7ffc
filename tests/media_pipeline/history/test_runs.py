"""Runs of like pictures on the page: folded, opened, selected."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from devices.access.groups import DeviceGroup
from media_pipeline.captures.models import Capture
from media_pipeline.history import views
from photohub.lib.pages.times.tags import iso
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_run(code: str = "porch", count: int = 4, **values) -> list[Capture]:
    device = make_device(code, name=code.title(), **values)
    return [
        make_capture(device, name=f"p{n}", received_at=NOON - timedelta(minutes=n), dhash=0)
        for n in range(count)
    ]


def tiles_of(client, address: str = "/history"):
    return [tile for day in client.get(address).context["days"] for tile in day.tiles]


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


def test_a_run_is_one_tile_that_says_how_many_and_when(alice):
    make_run()
    page = " ".join(alice.get("/history").content.decode().split())
    assert "<b>4 pictures</b>" in page and "11:57 to 12:00" in page and page.count("/thumb") == 1


def test_folding_can_be_switched_off_in_the_address_and_is_off_with_other_filters(alice):
    make_run()
    context = alice.get("/history?q=p").context
    assert not context["folds"] and not context["can_fold"]
    assert alice.get("/history").context["fold_url"] == "/history?fold=no"
    assert alice.get("/history?fold=no").context["fold_url"] == "/history"
    assert len(tiles_of(alice, "/history?fold=no")) == len(tiles_of(alice, "/history?q=p")) == 4


def test_a_run_opens_in_place_and_without_scripts_on_a_page_of_its_own(alice):
    make_run()
    make_run("barn")
    tile = next(tile for tile in tiles_of(alice) if tile.picture.device.code == "porch")
    part = alice.get(f"/history/run?run={tile.value}").content.decode()
    assert part.count("/thumb") == 4 and "<html" not in part
    assert [one.picture.device.code for one in tiles_of(alice, tile.run_url)] == ["porch"] * 4


def test_a_run_never_goes_past_midnight_of_the_visitor(alice):
    make_run()
    alice.cookies["photohub_tz"] = "Etc/GMT-12"
    assert [tile.count for tile in tiles_of(alice)] == [1, 3]


def test_a_run_is_selected_as_a_whole(alice):
    make_run()
    (tile,) = tiles_of(alice)
    alice.post("/history/change", {"capture": [tile.value], "action": "keep", "next": "/history"})
    assert Capture.objects.filter(kept=True).count() == 4


def test_nobody_opens_or_selects_a_run_of_cameras_that_he_may_not_see(client):
    captures = make_run()
    value = f"{captures[0].pk}_{captures[-1].pk}"
    garden = DeviceGroup.objects.create(name="Garden")
    client.force_login(make_user("olga", "operator", garden))
    assert "/thumb" not in client.get(f"/history/run?run={value}").content.decode()
    client.post("/history/change", {"capture": [value], "action": "keep"})
    assert not Capture.objects.filter(kept=True).exists()


@pytest.mark.parametrize("run", ["", "x", "x_y", "_"])
def test_a_run_that_is_none_or_was_deleted_is_nothing(alice, run):
    make_run()
    assert "/thumb" not in alice.get(f"/history/run?run={run}").content.decode()


def test_pictures_of_two_cameras_are_no_run(alice):
    one, other = make_run()[0], make_run("barn")[0]
    assert "/thumb" not in alice.get(f"/history/run?run={one.pk}_{other.pk}").content.decode()


def test_a_long_run_opens_piece_by_piece(alice, monkeypatch):
    monkeypatch.setattr(views, "SELECTION_AT_MOST", 2)
    captures = make_run(count=5)
    (tile,) = tiles_of(alice)
    opened = alice.get(f"/history/run?run={tile.value}").content.decode()
    assert re.findall('data-pictures="(.)"', opened) == ["1", "1", "3"]
    assert f'value="{captures[2].pk}_{captures[4].pk}"' in opened


def test_what_is_left_of_a_run_is_one_tile(alice):
    newest = make_run()[0]
    (tile,) = tiles_of(alice)
    assert f"/history/run?{tile.span}".replace("&", "&amp;") in alice.get("/history").content.decode()
    Capture.objects.filter(pk=newest.pk).update(trashed_at=NOON)
    left = alice.get(f"/history/run?{tile.span}").content.decode()
    assert re.findall('data-pictures="(.)"', left) == ["3"]
    assert f'data-until="{iso(NOON - timedelta(minutes=1))}"' in left
    Capture.objects.update(trashed_at=NOON)
    assert alice.get(f"/history/run?{tile.span}").content == b""
    assert alice.get("/history/run?device=porch&from=x").content == b""
