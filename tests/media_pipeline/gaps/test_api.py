"""The gap map over the API."""

from datetime import date

import pytest

from devices.schedules.models import RunDay
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db
NOVEMBER = "/api/v1/gaps?from=2026-11-01&to=2026-11-30"


def test_days_are_listed_newest_first_page_by_page():
    program = make_program(make_user("alice", "owner"))
    for code in ("porch", "barn"):
        device = make_device(code)
        for day in (3, 9):
            RunDay.objects.create(device=device, day=date(2026, 11, day), expected=4, arrived=1, offline=3)
    seen, cursor = [], ""
    while cursor is not None:
        answer = program.get(f"{NOVEMBER}&limit=3&cursor={cursor}").json()
        seen += [(item["day"], item["device"]) for item in answer["items"]]
        cursor = answer["next"]
    assert [day for day, _code in seen] == ["2026-11-09"] * 2 + ["2026-11-03"] * 2 and len(set(seen)) == 4
    [first, _second] = program.get(f"{NOVEMBER}&device=barn").json()["items"]
    assert (first["expected"], first["arrived"], first["offline"], first["hub_away"]) == (4, 1, 3, 0)


@pytest.mark.parametrize("query", ["from=2026-11-02&to=2026-11-01", "from=no", "to=9999-12-31"])
def test_days_that_cannot_be_are_refused(query):
    answer = make_program(make_user("alice", "owner")).get(f"/api/v1/gaps?{query}")
    assert answer.status_code == 422, answer.content
