from benchmarks import live_view
from benchmarks.live_view import Counting, make_picture


def test_every_server_delivers_frames_and_only_the_relay_tears_them():
    result = live_view.run(live_view.TINY)
    cells = {cell["server"]: cell for cell in result["cells"]}
    for name in ("photohub", "fan-out"):
        assert cells[name]["delivered"] > 10 and cells[name]["delivered_share"] > 0.9
        assert cells[name]["broken"] == 0 and 0 < cells[name]["age_p99_ms"] < 60_000
    assert cells["relay"]["delivered_share"] < 0.7
    text = live_view.report(result)
    assert text.count("\n") == 4 and "| 2 | 20 | photohub |" in text


def test_a_torn_frame_counts_as_broken_and_a_repeated_one_not_at_all():
    counting, picture = Counting(), make_picture().jpeg(7, 1)
    counting.open = True
    sent_s = 0.0
    for data in (picture, picture[:-100], picture[100:], picture):
        sent_s = counting.take(data, sent_s)
    assert (len(counting.ages_s), counting.broken, sent_s) == (1, 2, 7)


def test_the_picture_is_of_the_stated_size():
    assert 45_000 < len(make_picture().picture) < 65_000
