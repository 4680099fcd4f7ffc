import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media_pipeline.show_rules.models import ShowRule
from media_pipeline.show_rules.watch import Watch
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def test_only_cameras_with_a_rule_are_named():
    yard, porch = make_device("yard"), make_device("porch")
    ShowRule.objects.create(name="a", camera=yard)
    ShowRule.objects.create(name="b", camera=porch, enabled=False)
    assert Watch().among([yard.pk, porch.pk, yard.pk]) == [yard.pk]


def test_pictures_cost_no_look_into_the_database_for_some_seconds():
    yard, watch = make_device("yard"), Watch()
    watch.among([yard.pk])
    ShowRule.objects.create(name="a", camera=yard)
    with CaptureQueriesContext(connection) as queries:
        assert watch.among([yard.pk]) == [] and len(queries) == 0
    watch.forget()
    assert watch.among([yard.pk]) == [yard.pk]
