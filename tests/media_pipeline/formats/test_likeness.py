"""Runs of like pictures."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from media_pipeline.formats.likeness import LIKE_AT_MOST, Shot, distance, runs_of

NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def shots(*hashes: int | None, camera: int = 1, step=timedelta(minutes=1)) -> list[Shot]:
    return [Shot(uuid4(), camera, NOON - n * step, dhash) for n, dhash in enumerate(hashes)]


def sizes(found) -> list[tuple[int, int]]:
    return [(run.head.camera, len(run.shots)) for run in found]


def test_distance_counts_bits_of_signed_hashes_too():
    assert distance(0, 0b1011) == 3
    assert distance(-1, 0) == 64 and distance(-(2**63), 2**62) == 2


def test_pictures_that_differ_little_are_one_run():
    like, unlike = 2**LIKE_AT_MOST - 1, 2 ** (LIKE_AT_MOST + 1) - 1
    assert sizes(runs_of(shots(0, like, 0))) == [(1, 3)]
    assert sizes(runs_of(shots(0, unlike, 0))) == [(1, 1), (1, 1), (1, 1)]


def test_a_slow_change_ends_a_run_though_each_is_like_the_one_before():
    slow = [2**n - 1 for n in range(0, 40, 5)]
    assert sizes(runs_of(shots(*slow))) == [(1, 3), (1, 3), (1, 2)]


def test_cameras_that_send_at_the_same_time_have_runs_of_their_own():
    mixed = sorted(shots(0, 0, 0) + shots(-1, -1, 0, camera=2), key=lambda shot: shot.at, reverse=True)
    assert sizes(runs_of(mixed)) == [(1, 3), (2, 2), (2, 1)]


def test_a_picture_without_a_hash_stands_alone():
    assert sizes(runs_of(shots(None, None, 5, None, 5))) == [(1, 1)] * 5


def test_a_long_pause_ends_a_run():
    assert sizes(runs_of(shots(0, 0, step=timedelta(minutes=61)))) == [(1, 1)] * 2
    assert sizes(runs_of(shots(0, 0, step=timedelta(minutes=59)))) == [(1, 2)]


def test_runs_end_with_their_day():
    one, two = shots(0, 0)
    assert sizes(runs_of([one._replace(day=1), two._replace(day=2)])) == [(1, 1)] * 2
