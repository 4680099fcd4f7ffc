"""The index of texts is made by the sweep, in stretches, and never lacks what the pictures say."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from media_pipeline import tasks
from media_pipeline.captures.labels import save_labels
from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import ingest
from media_pipeline.search import blocks, index
from media_pipeline.search.grams import wanted_of
from media_pipeline.search.models import ChangedText, IndexedSpan, TextBlock
from tests.builders import make_capture, make_device, make_upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(index, "TOGETHER", 4)


def make_old(count: int, device=None) -> list[Capture]:
    device = device or make_device("porch")
    start = timezone.now() - timedelta(hours=1)
    return [
        make_capture(device, name=f"p{n}", received_at=start - timedelta(minutes=n)) for n in range(count)
    ]


def has(text: str) -> list[blocks.Stretch]:
    return blocks.with_grams(wanted_of(text), index.number_of(timezone.now()), False, 100)


def is_within(capture: Capture, stretches) -> bool:
    at = index.number_of(capture.received_at)
    return any(since <= at < until for since, until in stretches)


def test_all_of_the_history_is_covered_without_a_gap():
    made = make_old(11)
    tasks.sweep()
    edges = list(TextBlock.objects.order_by("since").values_list("since", "until"))
    assert edges[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(edges))
    assert all(is_within(c, has(c.name)) for c in made) and has("nowhere") == []


def test_what_is_new_waits_until_a_stretch_of_it_is_full_and_settled(monkeypatch):
    make_old(3)
    index.keep_texts()
    count, porch = TextBlock.objects.count(), Capture.objects.first().device
    new = [make_capture(porch, name=f"new{n}", received_at=timezone.now()) for n in range(5)]
    index.keep_texts()
    assert TextBlock.objects.count() == count and has("new") == []
    later = timezone.now() + timedelta(minutes=3)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    index.keep_texts()
    assert TextBlock.objects.count() == count + 1 and is_within(new[0], has("new0"))


def test_a_note_is_told_in_its_own_transaction_and_then_taken_in():
    capture = make_old(6)[3]
    index.keep_texts()
    save_labels(capture, "门口有人", "")
    assert [index.number_of(capture.received_at)] == [
        index.number_of(c.at) for c in ChangedText.objects.all()
    ]
    assert any(is_within(capture, [stretch]) for stretch in index.cover().changed)
    index.keep_texts()
    assert is_within(capture, has("门口")) and not ChangedText.objects.exists()


def test_a_picture_that_is_stored_late_is_taken_in():
    make_old(6)
    index.keep_texts()
    ChangedText.objects.all().delete()
    at = timezone.now() - timedelta(minutes=62, seconds=30)
    late = Capture.objects.get(
        pk=ingest(make_upload(Capture.objects.first().device, name="late", received_at=at)).id
    )
    assert ChangedText.objects.count() == 1
    index.keep_texts()
    assert is_within(late, has("late"))


def test_a_picture_in_time_costs_the_index_nothing():
    make_capture(make_device("porch"))
    assert not ChangedText.objects.exists()


def test_a_stretch_that_late_pictures_made_long_is_cut_some_at_a_time():
    index.keep_texts()
    made = make_old(40)
    assert TextBlock.objects.count() == 1
    index.keep_texts()
    assert TextBlock.objects.count() >= 10 and not ChangedText.objects.exists()
    assert all(is_within(c, has(c.name)) for c in made)


def test_what_a_clock_that_was_ahead_has_covered_is_given_back(monkeypatch):
    make_old(9)
    index.keep_texts()
    earlier = timezone.now() - timedelta(minutes=65)
    monkeypatch.setattr("django.utils.timezone.now", lambda: earlier)
    assert index.cover().until <= earlier
    index.keep_texts()
    assert index.instant_of(IndexedSpan.objects.get().until) <= earlier


def test_too_much_that_changed_or_a_database_without_the_index_is_not_asked(monkeypatch):
    make_old(3)
    index.keep_texts()
    assert index.cover() is not None
    monkeypatch.setattr(index, "CHANGES_AT_MOST", 1)
    index.note_change([timezone.now(), timezone.now() - timedelta(days=1)])
    assert index.cover() is None
    ChangedText.objects.all().delete()
    monkeypatch.setattr(blocks, "is_indexed", lambda: False)
    assert index.cover() is None and index.keep_texts() is None


def test_the_second_of_two_looks_at_once_writes_nothing():
    make_old(6)
    step = index._next_step()
    assert index._write(step) and not index._write(step)
