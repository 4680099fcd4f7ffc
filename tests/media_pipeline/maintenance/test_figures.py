"""Figures of large tables: exact while few, else what the sweep counted."""

import time

import pytest
from django.db import connection
from django.utils import timezone

from media_pipeline import tasks
from media_pipeline.maintenance import deleting, figures
from media_pipeline.maintenance.models import KeptFigure, Removal
from photohub.lib.ids import new_id
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts_anew():
    figures._counted.clear()


def put_in_trash(*sizes: int) -> None:
    device = make_device("porch")
    for number, size in enumerate(sizes):
        make_capture(device, name=str(number), trashed_at=timezone.now(), size_bytes=size)


def test_few_are_counted_at_once():
    put_in_trash(2, 3)
    assert figures.read("trash") == figures.Figure(2, 5)
    assert figures.read("stored").count == 2 and not KeptFigure.objects.exists()


def test_many_are_what_the_sweep_counted_last(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(figures, "EXACT_UP_TO", 1)
    put_in_trash(2, 3, 4)
    tasks.sweep()
    KeptFigure.objects.filter(pk="trash").update(count=70, size_bytes=700)
    with django_assert_num_queries(2):
        assert figures.read("trash") == figures.Figure(70, 700)


def test_many_that_nobody_counted_yet_are_counted_for_whoever_looks_first(monkeypatch):
    put_in_trash(2, 3, 4)
    monkeypatch.setattr(figures, "EXACT_UP_TO", 1)
    assert figures.read("trash") == figures.Figure(3, 9)
    assert KeptFigure.objects.get(pk="trash").count == 3


@pytest.mark.parametrize(
    ("took_s", "ago_s", "again"), [(0, 5, False), (0, 11, True), (1, 11, False), (1, 101, True)]
)
def test_what_takes_long_to_count_is_counted_seldom(monkeypatch, took_s: float, ago_s: float, again: bool):
    monkeypatch.setattr(figures, "EXACT_UP_TO", 0)
    put_in_trash(2)
    figures.keep()
    KeptFigure.objects.filter(pk="trash").update(count=9)
    monkeypatch.setitem(figures._counted, "trash", (time.monotonic() - ago_s, took_s))
    figures.keep()
    assert (KeptFigure.objects.get(pk="trash").count == 1) is again


def test_a_hub_at_rest_writes_no_figure_again(monkeypatch):
    monkeypatch.setattr(figures, "EXACT_UP_TO", 0)
    put_in_trash(2)
    figures.keep()
    figures._counted.clear()
    wrote: list[str] = []

    def watch(execute, sql, *rest):
        if not sql.startswith("SELECT"):
            wrote.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        figures.keep()
    assert figures._counted and wrote == []


def test_few_are_not_counted_by_the_sweep():
    put_in_trash(2)
    figures.keep()
    assert not KeptFigure.objects.exists()


def test_copies_in_a_former_mirror_are_no_stuck_removals():
    errors = ("", deleting.FORMER_MIRROR.text, "A file could not be removed.", "Unreachable.")
    Removal.objects.bulk_create(Removal(capture_id=new_id(), path="a", error=error) for error in errors)
    assert figures.read("stuck removals").count == 2
