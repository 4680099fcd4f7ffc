"""Pictures in order from several cameras, of few, of tags and of texts: as one list would give them."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

import pytest
from django.utils import timezone

from media_pipeline.captures.models import Capture
from media_pipeline.search import index, sources
from media_pipeline.search.sources import Listed, OfCameras, OfRows, OfTexts, OfTextsOfCameras, Span, Together
from tests.builders import make_device

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def cameras():
    """Seven cameras with 400 pictures at 90 instants; the last of them was silent for long."""
    rng = random.Random(7)
    made = [make_device(f"cam-{n}") for n in range(7)]
    now = timezone.now()
    rows = [
        Capture(
            device=made[6] if n > 380 else rng.choice(made[:6]),
            name=f"n{n} {'fox' if n % 9 == 0 else ''}",
            note="门口有人" if n % 50 == 3 else "",
            path=f"{n}",
            sha256=f"{n}",
            size_bytes=1,
            received_at=NOON - timedelta(minutes=rng.randrange(70) if n <= 380 else 100 + n % 20),
            stored_at=now,
        )
        for n in range(400)
    ]
    Capture.objects.bulk_create(rows)
    return made


def listed(rows, span: Span) -> list:
    return list(sources.places_of(span.narrow(rows)))


def of_source(source, span: Span, at_most: int = 1000) -> list:
    return list(islice((place for part in source.parts(span) for place in part), at_most))


def of_note(text: str) -> OfTexts:
    rows = Capture.objects.filter(note__contains=text)
    return OfTexts(rows, text, rows)


def spans() -> list[Span]:
    some = Capture.objects.order_by("-received_at", "-id")[150]
    place, at = (some.received_at, some.pk), NOON - timedelta(minutes=40)
    found = [
        Span(newer=newer, **kw) for newer in (False, True) for kw in ({}, {"place": place}, {"since": at})
    ]
    return [*found, Span(before=at), Span(place, before=at), Span(since=at, before=NOON, newer=True)]


@pytest.mark.parametrize("many", [1, 500])
def test_cameras_are_read_in_the_order_of_one_list(cameras, many, monkeypatch):
    monkeypatch.setattr(sources, "_MANY_CAMERAS", many)
    monkeypatch.setattr(sources, "_LOOKED_AT_FIRST", 50)
    monkeypatch.setattr(sources, "_FIRST_PART", 2)
    for chosen in (cameras[1:4], cameras[5:], cameras):
        keys = frozenset(c.pk for c in chosen)
        for span in spans():
            expected = listed(Capture.objects.filter(device__in=keys), span)
            assert of_source(OfCameras(keys), span) == expected


def test_few_whose_places_are_known_and_several_together_are_in_order(cameras, monkeypatch):
    monkeypatch.setattr(sources, "_FIRST_PART", 3)
    foxes, noted = Capture.objects.filter(name__contains="fox"), Capture.objects.exclude(note="")
    few = sources.few_or_none(foxes)
    assert isinstance(few, Listed)
    for span in spans():
        assert of_source(few, span) == listed(foxes, span)
        assert of_source(Together([few, OfRows(noted)]), span) == listed(foxes | noted, span)


def test_many_are_not_listed(cameras, monkeypatch):
    monkeypatch.setattr(sources, "FEW", 10)
    assert sources.few_or_none(Capture.objects.all()) is None


@pytest.mark.parametrize("state", ["none", "half", "whole", "changed", "clock"])
@pytest.mark.parametrize("text", ["fox", "n3", "门", "有人", "nothing"])
def test_texts_are_found_however_far_the_index_is(cameras, state, text, monkeypatch):
    monkeypatch.setattr(sources, "_NEAR", 20)
    monkeypatch.setattr(index, "TOGETHER", 16)
    if state != "none":
        monkeypatch.setattr(index, "_LOOK_S", 0 if state == "half" else 60)
        for _look in range(5):
            index.keep_texts()
    if state == "changed":
        Capture.objects.filter(name__startswith="n17").update(note=text)
        index.note_change(
            Capture.objects.filter(name__startswith="n17").values_list("received_at", flat=True)
        )
    if state == "clock":
        monkeypatch.setattr("django.utils.timezone.now", lambda: NOON - timedelta(minutes=30))
    rows = Capture.objects.filter(name__contains=text) | Capture.objects.filter(note__contains=text)
    for span in spans():
        assert of_source(OfTexts(rows, text, rows), span) == listed(rows, span)


@pytest.mark.parametrize(("text", "often"), [("n", 16), ("fox", 16), ("fox", 1), ("门", 16), ("nothing", 16)])
def test_texts_of_some_cameras_are_found_among_theirs_or_by_the_index(cameras, text, often, monkeypatch):
    monkeypatch.setattr(sources, "_NEAR", 20)
    monkeypatch.setattr(sources, "_OFTEN", often)
    monkeypatch.setattr(sources, "_LOOKED_AT_FOR_TEXT", 30)
    monkeypatch.setattr(sources, "_FIRST_PART", 8)
    index.keep_texts()
    for chosen in (cameras[1:4], cameras[6:]):
        keys = frozenset(c.pk for c in chosen)
        own = Capture.objects.filter(device__in=keys)
        rows = own.filter(name__contains=text) | own.filter(note__contains=text)
        source = OfTextsOfCameras(keys, OfTexts(rows, text, rows))
        for span in spans():
            found = [p for p in of_source(source, span) if p[1] in set(rows.values_list("pk", flat=True))]
            assert found == listed(rows, span)


def test_the_index_keeps_a_search_from_reading_what_cannot_hold_the_text(cameras, monkeypatch):
    monkeypatch.setattr(sources, "_NEAR", 20)
    index.keep_texts()
    Capture.objects.filter(name="n100 ").update(note="unseen")
    # Nobody told the index, so it is not looked for there.
    assert of_source(of_note("unseen"), Span()) == []


def test_keys_at_the_ends_of_an_instant_are_the_least_and_the_greatest():
    assert UUID(int=0) == sources._FIRST_KEY < UUID(int=5) < sources._LAST_KEY
