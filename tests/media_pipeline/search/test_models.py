"""Numbers of 32 bits in a column."""

import pytest

from media_pipeline.search.models import ChangedText, IndexedSpan, TextBlock

pytestmark = pytest.mark.django_db


def test_numbers_come_back_as_they_were_written():
    grams = [-(1 << 31), -1, 0, 7, (1 << 31) - 1]
    TextBlock.objects.create(since=0, until=1, grams=grams)
    assert TextBlock.objects.get().grams == grams


def test_rows_say_what_they_are():
    assert str(TextBlock(since=1, until=2)) == str(IndexedSpan(since=1, until=2)) == "1–2"
    assert str(ChangedText(at="2025")) == "2025"
