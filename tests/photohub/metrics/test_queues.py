"""What figures, and what Home Assistant is told, cost the database."""

from unittest import mock

import pytest

from devices.mqtt.home_assistant import Chosen
from media_pipeline.maintenance import figures
from photohub.home_assistant import reading
from photohub.metrics import families
from tests.large_tables import work_of
from tests.page_costs import FEW, MANY, hub_with

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]


def costs(rows: int) -> dict[str, int]:
    # When a sweep counted last is of another hub; and what is counted has an end, which few pictures would not reach.
    own = mock.patch.multiple(figures, _counted={}, EXACT_UP_TO=99)
    with own, hub_with(rows):
        families.queues.count_stored()
        return {
            "figures": work_of(lambda: list(families.Hub().collect())),
            "all for Home Assistant": work_of(lambda: reading.read_all(Chosen("digest"), lambda _code: True)),
            "news for Home Assistant": work_of(lambda: reading.changed_since(reading.newest_event())),
        }


def test_neither_costs_more_on_a_hub_with_many_pictures():
    few, many = costs(FEW), costs(MANY)
    assert {what: (few[what], cost) for what, cost in many.items() if cost > few[what] * 1.3 + 5_500} == {}
