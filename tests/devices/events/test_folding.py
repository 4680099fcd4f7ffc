"""Like events one after the other, told once."""

from datetime import timedelta

from django.utils import timezone

from devices.events.folding import fold
from devices.events.models import Event

NOW = timezone.now()


def told(sentence: str, minutes_ago: int, **facts) -> Event:
    return Event(sentence=sentence, at=NOW - timedelta(minutes=minutes_ago), **facts)


def folded(*events: Event) -> list[tuple[str, int]]:
    return [(event.sentence, event.times) for event in fold(events)]


def test_like_ones_in_a_row_are_one_with_their_count_and_the_newest_time():
    rows = [told("changed", 0), told("changed", 1), told("added", 2), told("changed", 3)]
    assert folded(*rows) == [("changed", 2), ("added", 1), ("changed", 1)]
    assert fold(rows)[0].at == NOW


def test_another_person_or_value_is_another_event():
    assert len(fold([told("changed", 0, actor_id=1), told("changed", 1, actor_id=2)])) == 2
    assert len(fold([told("", 0, word="x", values={"n": 1}), told("", 1, word="x", values={"n": 2})])) == 2


def test_what_comes_again_after_a_longer_pause_is_told_again():
    assert folded(told("connected", 0), told("connected", 59), told("connected", 120)) == [
        ("connected", 2),
        ("connected", 1),
    ]


def test_nothing_is_nothing():
    assert fold([]) == []
