"""Indexes of large tables, and the expressions that they and queries share."""

import pytest
from django.db import NotSupportedError, connection, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.lookups import In

from media_pipeline.captures.models import Capture
from photohub.lib.database.indexes import AddIndexBeside, HoldsWord, IsMissing, RemoveIndexBeside, Unindexed
from tests.builders import make_capture, make_device
from tests.queries import plans_of

pytestmark = pytest.mark.django_db


def test_a_word_is_found_whole_in_a_list():
    porch = make_device("porch")
    for name, flags in (("a", ["clock"]), ("b", ["clock_two"]), ("c", []), ("d", ["x", "clock"])):
        make_capture(porch, name=name, flags=flags)
    found = Capture.objects.filter(HoldsWord("flags", "clock")).order_by("name")
    assert [c.name for c in found] == ["a", "d"]


@pytest.mark.parametrize("word", ['a"', "", "Clock", "a b", "%s"])
def test_only_plain_words_are_written_into_an_index(word):
    with pytest.raises(ValueError, match="no word"):
        HoldsWord("flags", word)


def test_what_is_missing_is_found_without_an_index_of_the_column():
    make_capture(make_device("porch"))
    assert Capture.objects.filter(IsMissing("command")).count() == 1
    (plan,) = plans_of(lambda: list(Capture.objects.filter(IsMissing("command")).values("pk")))
    assert "command_id=" not in plan


def test_a_column_that_is_only_looked_at_leaves_the_keys_to_find_the_rows():
    capture = make_capture(make_device("porch"))
    rows = Capture.objects.filter(In(Unindexed("device"), [capture.device_id]), pk__in=[capture.pk])
    (plan,) = plans_of(lambda: list(rows.values("pk")))
    assert rows.get() == capture and "device_id=" not in plan


class Beside:
    """A connection of PostgreSQL that writes down what it is told."""

    vendor, in_atomic_block = "postgresql", False

    def __init__(self):
        self.said, self.connection = [], self

    def quote_name(self, name):
        return name

    def execute(self, sql):
        self.said.append(sql)

    def add_index(self, model, index, concurrently=False):
        self.said.append(f"add {index.name} {concurrently}")

    def remove_index(self, model, index, concurrently=False):
        self.said.append(f"remove {index.name} {concurrently}")


def states(operation) -> tuple[ProjectState, ProjectState]:
    before = ProjectState()
    index = models.Index(fields=["at"], name="old")
    fields = [("id", models.AutoField(primary_key=True)), ("at", models.IntegerField())]
    before.add_model(ModelState("app", "Thing", fields, options={"indexes": [index]}))
    after = before.clone()
    operation.state_forwards("app", after)
    return before, after


def test_an_index_is_made_while_others_write_and_over_what_was_cut_off():
    operation = AddIndexBeside("thing", models.Index(fields=["at"], name="new"))
    before, after = states(operation)
    editor = Beside()
    operation.database_forwards("app", editor, before, after)
    operation.database_backwards("app", editor, after, before)
    assert editor.said == ["DROP INDEX CONCURRENTLY IF EXISTS new", "add new True", "remove new True"]
    editor.in_atomic_block = True
    with pytest.raises(NotSupportedError, match="atomic = False"):
        operation.database_forwards("app", editor, before, after)


def test_an_index_goes_while_others_write():
    operation = RemoveIndexBeside("thing", "old")
    before, after = states(operation)
    editor = Beside()
    operation.database_forwards("app", editor, before, after)
    assert editor.said == ["DROP INDEX CONCURRENTLY IF EXISTS old"]


def test_sqlite_makes_an_index_as_ever():
    assert connection.vendor == "sqlite"
    names = {index.name for index in Capture._meta.indexes}
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, Capture._meta.db_table)
    assert names <= set(there)
