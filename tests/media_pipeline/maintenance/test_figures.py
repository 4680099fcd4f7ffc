"""Figures of large tables: exact while few, else what the sweep counted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from media_pipeline import tasks
from media_pipeline.maintenance import deleting, figures
from media_pipeline.maintenance.models import KeptFigure, Removal
from photohub.lib.ids import new_id
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


def put_in_trash(*sizes: int) -> None:
    device = make_device("porch")
    for number, size in enumerate(sizes):
        make_capture(device, name=str(number), trashed_at=timezone.now(), size_bytes=size)


def test_few_are_counted_at_once():
    put_in_trash(2, 3)
    assert figures.read("trash") == figures.Figure(2, 5)
    assert figures.read("stored").count == 2 and not KeptFigure.objects.exists()


def test_many_are_what_the_sweep_counted_last(monkeypatch, django_assert_num_queries):
    put_in_trash(2, 3, 4)
    tasks.sweep()
    monkeypatch.setattr(figures, "EXACT_UP_TO", 1)
    KeptFigure.objects.filter(pk="trash").update(count=70, size_bytes=700)
    with django_assert_num_queries(2):
        assert figures.read("trash") == figures.Figure(70, 700)


def test_many_that_nobody_counted_yet_are_counted_for_whoever_looks_first(monkeypatch):
    put_in_trash(2, 3, 4)
    monkeypatch.setattr(figures, "EXACT_UP_TO", 1)
    assert figures.read("trash") == figures.Figure(3, 9)
    assert KeptFigure.objects.get(pk="trash").count == 3


@pytest.mark.parametrize(
    ("ago_s", "took_ms", "again"),
    [(5, 0, False), (11, 0, True), (11, 1000, False), (101, 1000, True), (-300, 0, True)],
)
def test_what_takes_long_to_count_is_counted_seldom(ago_s: int, took_ms: int, again: bool):
    put_in_trash(2)
    figures.keep()
    at = timezone.now() - timedelta(seconds=ago_s)
    KeptFigure.objects.filter(pk="trash").update(count=9, at=at, took_ms=took_ms)
    figures.keep()
    assert (KeptFigure.objects.get(pk="trash").count == 1) is again


def test_copies_in_a_former_mirror_are_no_stuck_removals():
    errors = ("", deleting.FORMER_MIRROR.text, "A file could not be removed.", "Unreachable.")
    Removal.objects.bulk_create(Removal(capture_id=new_id(), path="a", error=error) for error in errors)
    assert figures.read("stuck removals").count == 2
