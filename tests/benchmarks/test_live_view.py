import pytest

from benchmarks.live_view import SERVERS, Load, make_picture, measure, median_of, table


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_delivers_frames_to_two_viewers(name):
    result = measure(name, Load(viewers=2, fps=20), seconds=1.0)
    assert result.delivered > 10 and result.cpu_us_per_frame > 0 and result.age_p99_ms < 1000
    assert result.delivered_share < 0.7 if name == "relay" else result.delivered_share > 0.9


def test_results_make_a_table_and_a_median():
    result = measure("fan-out", Load(viewers=1, fps=20), seconds=0.5)
    assert median_of([result]) is result and "fan-out" in table([result])


def test_the_picture_is_of_the_stated_size():
    assert 45_000 < len(make_picture().picture) < 65_000
