from media_pipeline.plots.plot import bars, dots, line


def same(*times: int) -> list:
    return [(at_s, (1, 2, 3)) for at_s in times]


def test_a_line_ends_where_a_device_was_silent_for_much_longer_than_usual():
    every_five = [0, 300, 600, 900]
    plot = line("rssi_dbm", "dBm", same(*every_five, 3000, 3300), 60)
    assert plot.at_s == [0, 300, 600, 900, 960, 3000, 3300]
    assert plot.mean == [2, 2, 2, 2, None, 2, 2] and plot.low[4] is plot.high[4] is None


def test_a_device_that_speaks_once_an_hour_has_a_line():
    plot = line("rssi_dbm", "dBm", same(0, 3600, 7200, 2 * 86_400), 600)
    assert plot.mean == [2, 2, 2, None, 2]


def test_bars_are_there_for_hours_without_pictures():
    plot = bars("pictures", "", {3600: 4}, [0, 3600, 7200])
    assert plot.mean == [0, 4, 0] and plot.has_values
    assert not bars("pictures", "", {}, [0, 3600]).has_values


def test_what_has_no_value_is_not_drawn():
    assert not line("rssi_dbm", "dBm", [], 60).has_values
    assert dots("answer_ms", "ms", [(1, 900)]).has_values
