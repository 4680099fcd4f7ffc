"""Queries that stay fast: each that runs all the time must be answered by its index."""

import pytest

from devices.commands.models import Command
from devices.events.models import Event
from devices.firmware.rollouts.models import Rollout, RolloutTarget
from devices.panels.deliveries.models import Delivery
from devices.registry.models import BrokerAccount
from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import OSSObject
from photohub.lib.database.db import inline
from tests.queries import QUERIES, plans_of, slow_plans

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("what", QUERIES)
def test_a_query_is_answered_by_its_index(what):
    assert slow_plans(what) == []


def test_a_parameter_hides_the_partial_index_from_sqlite():
    # This is why `inline` exists, and shows that these tests see what SQLite really does.
    assert (
        "objects_to_mirror"
        not in plans_of(lambda: list(OSSObject.objects.filter(state__in=OSSObject.RETRYABLE)))[0]
    )


def test_no_partial_index_of_the_models_is_forgotten():
    used = {name for _run, names in QUERIES.values() for name in names.split("|")}
    named = {
        i.name
        for model in (OSSObject, Capture, Command, Delivery, Event, BrokerAccount, Rollout, RolloutTarget)
        for i in model._meta.indexes
        if i.condition
    }
    assert named <= used


@pytest.mark.parametrize("word", ["it's", "a; DROP", "Ä", "x\n"])
def test_only_plain_words_are_written_into_sql(word):
    with pytest.raises(ValueError, match="no state's word"):
        inline(word)
