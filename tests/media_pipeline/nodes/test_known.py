from datetime import timedelta

import pytest
from django.db.models.functions import Now

from media_pipeline.nodes import here, known
from media_pipeline.nodes.models import FIRST, Node, NodeState
from tests.nodes import being

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(tmp_path):
    for name in ("a", "b"):
        with being(tmp_path, name):
            here.join()
    known.forget()


def test_nodes_are_found_by_the_mark_of_their_rows(two):
    assert [(n.name, n.mark) for n in known.every()] == [("a", None), ("b", 2)]
    assert known.find(None).number == FIRST and known.find(2).name == "b"
    assert known.find(3) is None


def test_they_are_asked_for_at_most_once_a_second(two, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert known.every() and known.find(2)


def test_one_is_silent_by_the_clock_of_the_database(two):
    assert not known.find(2).is_silent
    Node.objects.filter(pk=2).update(seen_at=Now() - timedelta(seconds=here.SILENT_AFTER_S + 1))
    known.forget()
    assert known.find(2).is_silent and not known.find(None).is_silent


def test_one_that_was_declared_lost_is_found_and_not_counted(two):
    Node.objects.filter(pk=2).update(state=NodeState.FORGOTTEN)
    known.forget()
    assert [n.name for n in known.every()] == ["a"]
    assert known.find(2).state == NodeState.FORGOTTEN
