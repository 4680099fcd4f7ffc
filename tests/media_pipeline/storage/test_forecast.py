import pytest

from media_pipeline.storage.forecast import (
    FAR_OFF_DAYS,
    Forecast,
    Growth,
    Held,
    foresee,
    growth_by_pictures,
    growth_of_disk,
)

GB = 10**9
NOW = 24 * 20_000 + 12


def free_by_day(*free: int) -> list[tuple[int, int]]:
    """Return a sample for each of the last days, the last one today."""
    return [(NOW - 24 * back, f) for back, f in zip(range(len(free) - 1, -1, -1), free, strict=True)]


def test_growth_is_that_of_most_days_whatever_one_of_them_brought():
    days = [(100 - n) * GB for n in range(10)]
    days[6] -= 40 * GB  # A large file that came and went.
    growth = growth_of_disk(free_by_day(*days), NOW)
    assert growth is not None and growth.middle == pytest.approx(GB)


def test_a_day_on_which_nothing_changed_has_no_sample_and_counts():
    samples = [(NOW - 24 * 8, 100 * GB), (NOW - 24 * 7, 98 * GB)]
    growth = growth_of_disk(samples, NOW)
    assert growth is not None and growth.middle == 0


@pytest.mark.parametrize("samples", [[], free_by_day(5, 4), free_by_day(5, 4, 3)])
def test_a_few_days_tell_nothing(samples):
    assert growth_of_disk(samples, NOW) is None


def test_pictures_of_some_days_have_a_spread_and_one_day_a_wide_one():
    assert growth_by_pictures([GB, 2 * GB, 3 * GB]) == Growth(1.5 * GB, 2 * GB, 2.5 * GB)
    assert growth_by_pictures([GB]) == Growth(GB / 2, GB, 2 * GB)
    assert growth_by_pictures([]) is None


@pytest.mark.parametrize(
    ("growth", "held", "found"),
    [
        (Growth(GB, 2 * GB, 4 * GB), Held(), Forecast("fills", 10, 20, 40)),
        (Growth(-GB, 2 * GB, 4 * GB), Held(), Forecast("fills", 10, 20, FAR_OFF_DAYS)),
        (Growth(-GB, 0, GB), Held(), Forecast("stays")),
        (Growth(1, 1, 1), Held(), Forecast("stays")),
        (None, Held(by_bytes=0), Forecast("unknown")),
        (Growth(GB, 2 * GB, 4 * GB), Held(by_bytes=39 * GB), Forecast("held_by_bytes")),
        (Growth(GB, 2 * GB, 4 * GB), Held(by_bytes=41 * GB, by_days=1), Forecast("held_by_days")),
        (Growth(GB, 2 * GB, 4 * GB), Held(by_bytes=41 * GB), Forecast("fills", 10, 20, 40)),
    ],
)
def test_a_disk_fills_unless_retention_holds_it(growth, held, found):
    assert foresee(40 * GB, growth, held) == found


def test_a_full_disk_is_full_now():
    assert foresee(-GB, Growth(GB, GB, GB), Held()) == Forecast("fills", 0, 0, 0)
