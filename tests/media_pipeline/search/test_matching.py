"""Pictures in order from any place on."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.access.groups import DeviceGroup
from devices.access.models import DeviceRemoval
from media_pipeline.search import matching
from media_pipeline.search.matching import of_cameras, seen_by
from media_pipeline.search.sources import Span
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_minutes(device, count: int) -> list:
    return [make_capture(device, name=f"p{n}", received_at=NOON - timedelta(minutes=n)) for n in range(count)]


def test_more_than_one_statement_gives_is_read_on(monkeypatch):
    monkeypatch.setattr(matching, "_FIRST_ROWS", 2)
    made = make_minutes(make_device("porch"), 7)
    assert [id_ for _at, id_ in of_cameras(None).places()] == [c.pk for c in made]
    within = Span(since=NOON - timedelta(minutes=4), before=NOON)
    assert [id_ for _at, id_ in of_cameras(None).places(within)] == [c.pk for c in made[1:5]]
    assert of_cameras(None).first(Span(newer=True))[1] == made[-1].pk


def test_a_person_sees_the_pictures_of_his_groups_in_order():
    garden = DeviceGroup.objects.create(name="Garden")
    mine = [make_device(f"cam-{n}", group=garden) for n in range(2)]
    made = [*make_minutes(mine[0], 3), *make_minutes(mine[1], 2)]
    make_minutes(make_device("other"), 2)
    vera = make_user("vera", "viewer", garden)
    places = [(c.received_at, c.pk) for c in made]
    assert list(seen_by(vera).places()) == sorted(places, reverse=True)
    assert seen_by(vera).count_up_to(3) == (3, True) and seen_by(make_user("eve")).first() is None


def test_what_is_being_removed_is_seen_by_nobody():
    porch, barn = make_device("porch"), make_device("barn")
    make_minutes(porch, 2), make_minutes(barn, 1)
    DeviceRemoval.objects.create(device=porch)
    assert seen_by(make_user("alice", "owner")).count_up_to(9) == (1, False)
